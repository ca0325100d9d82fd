"""A mapping as SQL: from whatever columns there are to the few that a scan asks for."""

from __future__ import annotations

from collections.abc import Mapping as Types
from collections.abc import Sequence

from wellhead.capture.importers.mapping import Mapping, Pointers
from wellhead.core.exposure import Exposure

_ISO = "epoch(TRY_CAST({x} AS TIMESTAMPTZ))"
_SCALES = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_SIZES = (("1e17", "1e9"), ("1e14", "1e6"), ("1e11", "1e3"))
_STATUSES = {"success": 200, "ok": 200, "failure": 500, "error": 500}
EMPTY = ("", "-", "{}", "[]", "null", '""', "{ }", "[ ]", "[[]]", "[{}]")
"""What stands for an input where there is none."""
WORDS = ("organisation", "plan", "use", "created_day", "agent", "network")
"""Text columns of the table `asked`: what principals can share."""


def quoted(text: str) -> str:
    """Text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def named(column: str) -> str:
    """A column's name in SQL."""
    return '"' + column.replace('"', '""') + '"'


class Fields:
    """SQL for the values that pointers lead to.

    columns: name -> DuckDB type of what the source offers.  text: the column that holds a whole JSON document, if the
    source is lines of it; pointers then start there.
    """

    def __init__(self, columns: Types[str, str], document: str = "") -> None:
        self._columns = columns
        self._document = document

    def value(self, pointer: str) -> str:
        """One pointer's value as text, `NULL` where the source has no such column."""
        if self._document and pointer.startswith("/"):
            return f"json_extract_string({self._document}, {quoted(pointer)})"
        head, _, rest = pointer.removeprefix("/").partition("/")
        head = head.replace("~1", "/").replace("~0", "~")
        kind = self._columns.get(head, "")
        if not kind:
            return "NULL"
        if not rest:
            return _as_text(named(head), kind)
        whole = named(head) if kind == "JSON" else f"TRY_CAST({named(head)} AS JSON)"
        whole = whole if kind in ("JSON", "VARCHAR") else f"to_json({named(head)})"
        return f"json_extract_string({whole}, {quoted('/' + rest)})"

    def has(self, pointers: Pointers) -> bool:
        """True where any of these could be there."""
        return any(self.value(p) != "NULL" for p in pointers)

    def text(self, pointers: Pointers, nothing: Sequence[str] = ("", "-")) -> str:
        """The first of these values that says something, as text. nothing: texts that say nothing."""
        there = [v for p in pointers if (v := self.value(p)) != "NULL"]
        empty = ", ".join(map(quoted, nothing))
        cleaned = [f"CASE WHEN {v} NOT IN ({empty}) THEN {v} END" for v in there]
        return f"coalesce({', '.join(cleaned)})" if len(cleaned) > 1 else (cleaned[0] if cleaned else "NULL::VARCHAR")

    def number(self, pointers: Pointers, kind: str) -> str:
        """The same as a number of a DuckDB type; NULL where it is none."""
        head = pointers[0].removeprefix("/") if len(pointers) == 1 else ""
        if self._columns.get(head, "") == kind and not self._document:
            return named(head)
        return f"TRY_CAST({self.text(pointers)} AS {kind})"

    def seconds(self, pointers: Pointers, form: str) -> str:
        """Seconds since 1970 UTC; NULL where no form fits. form: of the mapping, several with `|` between them."""
        there = [p for p in pointers if self.value(p) != "NULL"]
        if len(there) == 1 and self._kind(there[0]).startswith("TIMESTAMP"):
            # epoch() knows no nanoseconds with a zone
            return f"epoch(CAST({named(there[0].removeprefix('/'))} AS TIMESTAMPTZ))"
        text = self.text(pointers)
        forms = [_seconds(text, f) for f in form.split("|")]
        return f"coalesce({', '.join(forms)})" if len(forms) > 1 else forms[0]

    def _kind(self, pointer: str) -> str:
        return "" if self._document else self._columns.get(pointer.removeprefix("/"), "")


def _as_text(column: str, kind: str) -> str:
    if kind == "VARCHAR":
        return column
    if kind == "JSON":
        return f"json_extract_string({column}, '$')"
    plain = kind.endswith("INT") or kind.endswith("INTEGER") or kind in ("DOUBLE", "FLOAT", "BOOLEAN", "UUID")
    return f"CAST({column} AS VARCHAR)" if plain or not _nested(kind) else f"CAST(to_json({column}) AS VARCHAR)"


def _nested(kind: str) -> bool:
    return kind.endswith("[]") or kind.startswith(("STRUCT", "MAP"))


def _seconds(text: str, form: str) -> str:
    if form == "auto":
        n = f"TRY_CAST({text} AS DOUBLE)"
        sizes = " ".join(f"WHEN {n} > {least} THEN {n} / {scale}" for least, scale in _SIZES)
        size = f"CASE {sizes} ELSE {n} END"
        return f"coalesce({size}, {_ISO.format(x=text)})"
    if form in _SCALES:
        return f"TRY_CAST({text} AS DOUBLE) / {_SCALES[form]}"
    return f"epoch(try_strptime({text}, {quoted(form)}))"


def _status(fields: Fields, mapping: Mapping) -> str:
    """The HTTP status; words of success and failure stand for 200 and 500."""
    if not fields.has(mapping.status):
        return "NULL::INTEGER"
    text = fields.text(mapping.status)
    said = " ".join(f"WHEN {quoted(word)} THEN {status}" for word, status in _STATUSES.items())
    words = f"CASE lower({text}) {said} END"
    return f"coalesce({fields.number(mapping.status, 'INTEGER')}, {words})"


def _network(address: str) -> str:
    """The /24 or /48 of an address, without its port."""
    first = f"trim(split_part({address}, ',', 1))"
    v4 = rf"regexp_extract({first}, '^(\d+\.\d+\.\d+)\.\d+', 1)"
    v6 = rf"regexp_extract({first}, '^\[?([0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F]*)', 1)"
    short = f"regexp_replace({v6}, '(:0*)+$', '')"
    return f"CASE WHEN {v4} <> '' THEN {v4} || '.0/24' WHEN {v6} <> '' THEN {short} || '::/48' END"


def _bare(address: str) -> str:
    """The first address of a list, without its port."""
    first = f"trim(split_part({address}, ',', 1))"
    return rf"regexp_replace(regexp_replace({first}, '^(\d+\.\d+\.\d+\.\d+):\d+$', '\1'), '^\[(.*)\]:\d+$', '\1')"


def select(mapping: Mapping, fields: Fields) -> str:
    """The select list of the table `asked`, one row a request.

    caller, time_s, request (hash or NULL), status, method, path, the WORDS, n_rows, answered; then input (hash),
    inputs, scores, labels, confidence, values as far as the source has them.
    """
    line = fields.text(mapping.line)
    has_line = fields.has(mapping.line)
    method, path = fields.text(mapping.method), fields.text(mapping.path)
    address = fields.text(mapping.address)
    credential = fields.text(mapping.credential)
    who = [fields.text(mapping.principal)] if fields.has(mapping.principal) else []
    if fields.has(mapping.credential):
        who.append(f"'key-' || left(sha256({credential}), 16)")
    if fields.has(mapping.address):
        who.append(_bare(address))
    columns = {
        "caller": f"coalesce({', '.join(who)})" if who else "NULL::VARCHAR",
        "time_s": fields.seconds(mapping.time, mapping.time_format),
        "request": _hashed(fields, mapping.request),
        "status": _status(fields, mapping),
        "method": f"split_part({line}, ' ', 1)" if has_line else f"upper({method})",
        "path": f"split_part({line}, ' ', 2)" if has_line else _route(path),
        **{word: fields.text(getattr(mapping, word)) for word in WORDS if word != "network"},
        "network": _network(address) if fields.has(mapping.address) else "NULL::VARCHAR",
        "n_rows": fields.number(mapping.rows, "INTEGER") if fields.has(mapping.rows) else "1",
        "input": _hashed(fields, mapping.input, EMPTY),
        "confidence": _optional(fields, mapping.confidence, "FLOAT"),
        "inputs": fields.text(mapping.inputs, EMPTY),
        **{name: fields.text(getattr(mapping, name)) for name in ("scores", "labels", "values")},
    }
    return ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())


def _route(path: str) -> str:
    """A path, of a route such as `POST /predict` without the method."""
    return f"CASE WHEN {path} LIKE '% /%' THEN regexp_replace({path}, '^[A-Z]+ /', '/') ELSE {path} END"


def _hashed(fields: Fields, pointers: Pointers, nothing: Sequence[str] = ("", "-")) -> str:
    """(NULL stays NULL: DuckDB's hash of it is a number.)"""
    text = fields.text(pointers, nothing)
    return f"CASE WHEN {text} IS NOT NULL THEN hash({text}) END" if fields.has(pointers) else "NULL::UBIGINT"


def _optional(fields: Fields, pointers: Pointers, kind: str) -> str:
    return fields.number(pointers, kind) if fields.has(pointers) else f"NULL::{kind}"


def answered(mapping: Mapping) -> str:
    """SQL that is true for answered inference calls; what has no status was answered."""
    calls = f"regexp_matches(coalesce(path, ''), {quoted(mapping.paths)})" if mapping.paths else _POSTS
    return f"coalesce(coalesce(status, 200) BETWEEN 200 AND 299 AND {calls}, false)"


_POSTS = "coalesce(method, 'POST') IN ('POST', 'PUT')"


def given(mapping: Mapping) -> int:
    """What the mapping says that answers give away, -1 where it says nothing."""
    return int(Exposure.parse(mapping.given)) if mapping.given else -1


def keys(pointers: Sequence[Pointers]) -> dict[str, str]:
    """Top-level JSON keys that these pointers go through, with the type to read them as."""
    wanted: dict[str, str] = {}
    for pointer in (p for group in pointers for p in group):
        head, _, rest = pointer.removeprefix("/").partition("/")
        head = head.replace("~1", "/").replace("~0", "~")
        # DuckDB tells columns apart without regard to case
        head = next((w for w in wanted if w.lower() == head.lower()), head)
        if not head:
            # DuckDB knows no column without a name
            continue
        wanted[head] = "JSON" if rest or wanted.get(head) == "JSON" else "VARCHAR"
    return wanted
