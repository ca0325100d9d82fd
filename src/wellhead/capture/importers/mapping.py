"""What a log format is, as data: which column, JSON pointer or regex group holds what."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from wellhead.core.errors import ConfigError
from wellhead.core.tables import convert

Pointers = tuple[str, ...]
"""Where a value may be, the first that is there counts: `/a/b` (RFC 6901), a column's name, or a regex group's."""

Exposed = Literal["", "none", "label", "top_k", "probabilities", "logits", "value"]


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One log format.

    kind: `json` (an object a line, or an array of them) or `text` (a line that `pattern` matches).  Parquet files are
    read by either kind: their columns take the place of keys and groups.
    pattern: RE2 with named groups.  sniff: keys, any of whose sets marks a line of this format.
    time_format: `auto` (seconds, milli-, micro- or nanoseconds since 1970 by size, or ISO 8601, UTC where it says
    nothing), `s`, `ms`, `us`, `ns`, or a strptime pattern.
    line: what a request line `GET /path HTTP/1.1` is in, where method and path are in no place of their own.
    principal: who asked; where it says nothing the credential, shown as a hash of it, and then the address.
    address, agent, organisation, plan, use, created_day: of the caller.
    status: HTTP status, or `success` and `failure`; where it says nothing, the request was answered.
    rows: questions in one request, 1 where it says nothing.
    inputs: (n, ...) numbers, one row of them, or texts: JSON.  input: anything that is equal where the question was.
    scores: (n, k) or (k,).  labels: an index or name, or an array of them.  confidence: of the best class, 0..1.
    values: a regressor's numbers.  given: what the answers give away, where scores and labels do not say.
    paths: RE2 of the paths that are inference calls; empty: requests by POST, or whose method is not known.
    lacks: in words, what no log of this format can hold.
    """

    name: str
    about: str = ""
    kind: Literal["json", "text"] = "json"
    pattern: str = ""
    sniff: tuple[tuple[str, ...], ...] = ()
    time: Pointers = ()
    time_format: str = "auto"
    request: Pointers = ()
    principal: Pointers = ()
    credential: Pointers = ()
    organisation: Pointers = ()
    plan: Pointers = ()
    use: Pointers = ()
    created_day: Pointers = ()
    address: Pointers = ()
    agent: Pointers = ()
    line: Pointers = ()
    method: Pointers = ()
    path: Pointers = ()
    status: Pointers = ()
    rows: Pointers = ()
    inputs: Pointers = ()
    input: Pointers = ()
    scores: Pointers = ()
    labels: Pointers = ()
    confidence: Pointers = ()
    values: Pointers = ()
    given: Exposed = ""
    paths: str = ""
    lacks: Annotated[str, Meta(max_length=400)] = ""


TIME_FORMATS = ("auto", "s", "ms", "us", "ns")
"""Forms of time that are no strptime patterns."""
FIELDS = tuple(f for f in Mapping.__struct_fields__ if Mapping.__annotations__[f] == "Pointers")
"""The fields that are pointers."""


def parse(text: str, source: str) -> Mapping:
    """The mapping in a TOML text; raises ConfigError that names the source, the key and what was meant."""
    try:
        mapping = convert(_tree(text), Mapping)
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise ConfigError(f"{source}: expected TOML, got a syntax error: {e}") from e
    except ConfigError as e:
        raise ConfigError(f"{source}: {e}", _SEE) from e
    _check(mapping, source)
    return mapping


def _tree(text: str) -> dict[str, Any]:
    """The keys of a TOML text; a pointer alone is a list of one."""
    return {f: _pointers(f, v) if f in FIELDS else v for f, v in tomllib.loads(text).items()}


def _pointers(field: str, value: object) -> object:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(p, str) for p in value):
        raise ConfigError(f"expected a JSON pointer, column or group, or a list of them, at `{field}`, got `{value}`")
    return value


_SEE = "see docs/scan.md"


def _check(mapping: Mapping, source: str) -> None:
    if not mapping.time or not mapping.principal:
        lost = "time" if not mapping.time else "principal"
        raise ConfigError(f"{source}: expected where to find `{lost}`, got nothing", _SEE)
    for form in mapping.time_format.split("|"):
        _check_form(form, f"{source}: `time_format`")
    if mapping.kind == "text" and not mapping.pattern:
        raise ConfigError(f"{source}: expected a `pattern` for lines of text, got none", _SEE)
    if mapping.paths:
        compiled(mapping.paths, f"{source}: `paths`")
    if mapping.pattern:
        found = compiled(mapping.pattern, f"{source}: `pattern`")
        if found.groups != len(found.groupindex):
            raise ConfigError(f"{source}: expected a name for every group of `pattern`", "write `(?:...)` for others")


def _check_form(form: str, said: str) -> None:
    """Raises ConfigError for what is no form of time."""
    import duckdb

    from wellhead.store.columns import connect

    if form in TIME_FORMATS:
        return
    wanted = f"{said}: expected {', '.join(TIME_FORMATS)} or a strptime pattern, got `{form}`"
    if "%" not in form:
        raise ConfigError(wanted, "such as `%d/%b/%Y:%H:%M:%S %z`")
    try:
        with connect() as cursor:
            # a constant: of a parameter the pattern is not looked at before there is a row
            cursor.execute(f"SELECT try_strptime('', '{form.replace(chr(39), chr(39) * 2)}')")
    except duckdb.Error as e:
        raise ConfigError(f"{wanted}: {str(e).split(': ', 2)[-1]}", _SEE) from e


def groups(pattern: str) -> list[str]:
    """The names of its groups, in order."""
    return [name for name, _ in sorted(re.compile(pattern).groupindex.items(), key=lambda item: item[1])]


def compiled(pattern: str, said: str) -> re.Pattern[str]:
    """A pattern that RE2 reads, and Python; raises ConfigError for any other. said: where it stands."""
    import duckdb

    from wellhead.store.columns import connect

    try:
        with connect() as cursor:
            cursor.execute("SELECT regexp_matches('', ?)", [pattern])
        return re.compile(pattern)
    except (duckdb.Error, re.error, RecursionError, OverflowError) as e:
        what = " ".join(str(e).split())[:200]
        raise ConfigError(f"{said}: expected a regular expression, got one with an error: {what}", _SEE) from e


@cache
def shipped() -> dict[str, Mapping]:
    """The mappings that come with Wellhead, by name, in the order in which a line is tried on them."""
    folder = resources.files("wellhead.capture.importers") / "mappings"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    # the tests look for what is wrong in them: here that would cost as much as to aggregate half a million events
    mappings = [msgspec.convert(_tree(f.read_text(encoding="utf-8")), Mapping) for f in files]
    # a format that asks for more keys is the more particular one
    return {m.name: m for m in sorted(mappings, key=lambda m: -max((len(s) for s in m.sniff), default=0))}


def words(mapping: Mapping) -> frozenset[str]:
    """The keys that its pointers go through."""
    pointers = [p for field in FIELDS for p in getattr(mapping, field)]
    return frozenset(word for p in pointers for word in p.split("/") if word)
