"""KServe's request logger: CloudEvents, one for each request and one for its response, with the same id.

They come one a line as structured events (an object with id, type, time and data), or as a consumer writes them that
puts the headers beside the body: {"headers": {"ce-id": ...}, "body": ...}.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from wellhead.capture.importers.blocks import Progress, blocks
from wellhead.capture.importers.columns import Columns, Imported
from wellhead.capture.importers.fields import Fields, select
from wellhead.capture.importers.mapped import Questions
from wellhead.capture.importers.mapping import Mapping
from wellhead.capture.importers.source import Told, mend, opened, read_objects, sample
from wellhead.meter.profile import Profile

FORMAT = Mapping(
    name="kserve",
    about="KServe request logger: CloudEvents inference.request and inference.response, paired by id",
    principal=("who",),
    credential=("key",),
    address=("address",),
    agent=("agent",),
    time=("time",),
    request=("id",),
    path=("path",),
    status=("status",),
    inputs=("inputs",),
    scores=("scores",),
    labels=("labels",),
    values=("amounts",),
    lacks="who asked, unless the logger's metadataHeaders name a header that says it; HTTP status",
)
KEYS = (frozenset({"id", "type", "specversion"}), frozenset({"ce-id", "ce-type"}), frozenset({"headers", "body"}))
WAITING = 100_000
"""Requests whose response has not come yet that are kept; of older ones it is said that they were not answered."""

_WORDS = ("id", "type", "time", "inferenceservicename", "endpoint", "ce-id", "ce-type", "ce-time")
_TOP = dict.fromkeys(("data", "body", "headers", "metadata"), "JSON") | dict.fromkeys(_WORDS, "VARCHAR")
_NAMES = frozenset(_TOP)
_HEADERS = {
    "who": ("x-principal", "x-user-id", "x-forwarded-user", "x-consumer-username", "x-client-id"),
    "key": ("x-api-key", "authorization"),
    "address": ("x-forwarded-for", "x-real-ip"),
    "agent": ("user-agent",),
}
_PLAIN = ("id", "type", "time", "who", "key", "address", "agent", "path")
_FIRST = "(b -> '$.{word}[0]')"


def _header(name: str) -> str:
    """A header of the request, in the logger's metadata (text or object) or beside the body; some values are lists."""
    found = [f"json_extract_string({place}, '/{form}')" for place in ("m", "h") for form in (name, name.title())]
    one = f"coalesce({', '.join(found)})"
    return f"CASE WHEN {one} LIKE '[%' THEN json_extract_string(TRY_CAST({one} AS JSON), '/0') ELSE {one} END"


def _events(source: str) -> str:
    """One row an event, with the headers that say who asked."""
    headers = ", ".join(f"coalesce({', '.join(_header(n) for n in names)}) AS {w}" for w, names in _HEADERS.items())
    envelope = ", ".join(
        f"coalesce({direct}, \"ce-{word}\", json_extract_string(h, '/ce-{word}'), "
        f"json_extract_string(h, '/Ce-{word.title()}')) AS {word}"
        for word, direct in (("id", "id"), ("type", "type"), ("time", '"time"'))
    )
    parsed = (
        f"SELECT *, CASE json_type(metadata) WHEN 'VARCHAR' THEN TRY_CAST(metadata ->> '$' AS JSON) "  # noqa: S608
        f"ELSE metadata END AS m, "
        f"headers AS h, coalesce(data, body) AS raw FROM {source}"
    )
    body = "CASE json_type(raw) WHEN 'VARCHAR' THEN TRY_CAST(raw ->> '$' AS JSON) ELSE raw END AS b"
    name = "coalesce(inferenceservicename, json_extract_string(h, '/ce-inferenceservicename'), '')"
    return f"SELECT {envelope}, {headers}, '/v1/models/' || {name} AS path, {body} FROM ({parsed})"  # noqa: S608


def _tensor(word: str) -> str:
    """Rows of the first tensor of an Open Inference Protocol body: nested data as it is, flat data cut by its shape."""
    first = _FIRST.format(word=word)
    data, rows = f"({first} -> '$.data')", f"greatest(TRY_CAST(({first} ->> '$.shape[0]') AS INTEGER), 1)"
    flat, wide = f"TRY_CAST({data} AS JSON[])", f"(len(TRY_CAST({data} AS JSON[])) // {rows})"
    cut = f"to_json(list_transform(range({rows}), lambda i: {flat}[i * {wide} + 1 : (i + 1) * {wide}]))"
    return f"CASE WHEN json_type({data}, '$[0]') = 'ARRAY' OR {wide} = 1 THEN {data} ELSE {cut} END"


def _pairs() -> str:
    """Requests beside their responses; what of the answer is a score, a label or a number."""
    data = f"({_FIRST.format(word='inputs')} -> '$.data')"
    plain_inputs = f"CASE WHEN {data} IS NOT NULL THEN {_tensor('inputs')} ELSE (b -> '$.inputs') END"
    inputs = f"coalesce((b -> '$.instances'), {plain_inputs})"
    told = f"coalesce((b -> '$.predictions'), {_tensor('outputs')})"
    kind = f"coalesce(({_FIRST.format(word='outputs')} ->> '$.datatype'), '')"
    plain = ", ".join(f"q.{name}" for name in _PLAIN)
    question = f"SELECT *, {inputs} AS inputs FROM waiting WHERE type LIKE '%request'"  # noqa: S608
    answer = f"SELECT id, {told} AS told, {kind} AS datatype, true AS there FROM waiting WHERE type LIKE '%response'"  # noqa: S608
    plainly = "json_type(told, '$[0]') IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN')"
    label = f"{plainly} OR datatype LIKE '%INT%' OR datatype = 'BYTES'"
    return (
        f"SELECT {plain}, q.inputs, CASE WHEN r.there THEN '200' END AS status, "  # noqa: S608
        "CASE WHEN json_type(told, '$[0]') = 'ARRAY' THEN told END AS scores, "
        f"CASE WHEN json_type(told, '$[0]') <> 'ARRAY' AND ({label}) THEN told END AS labels, "
        f"CASE WHEN json_type(told, '$[0]') <> 'ARRAY' AND NOT ({label}) THEN told END AS amounts "
        f"FROM ({question}) q LEFT JOIN ({answer}) r USING (id)"
    )


class KServe:
    """Reads such a log, one file after the other; a response may come some thousands of events after its request."""

    def __init__(self, profile: Profile | None, now_s: float) -> None:
        self._cursor = opened()
        self._columns = Columns(Questions(profile, -1).rows, now_s)
        self.told = Told()
        self._number = 0
        plain = ", ".join(f"{name} VARCHAR" for name in _PLAIN)
        self._cursor.execute(f"CREATE TEMP TABLE waiting ({plain}, b JSON, turn BIGINT)")

    def read(self, path: Path, progress: Progress | None = None) -> Iterator[Imported]:
        """The pairs of one file, in the order of their requests; raises StoreError where it cannot be read."""
        with tempfile.NamedTemporaryFile(prefix="wellhead-") as spot:
            for _ in blocks(path, cast(BinaryIO, spot), progress):
                self._take_up(Path(spot.name))
                yield self._made(WAITING)
        yield self._made(0)

    def _take_up(self, spot: Path) -> None:
        """Add a block's events to those that wait for their other half."""
        cursor, told = self._cursor, self.told
        mend(spot)
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE lines AS {_events(read_objects(_TOP, spot))}")
        when = Fields({"time": "VARCHAR"}).seconds(FORMAT.time, FORMAT.time_format)
        known = f"type LIKE '%response' OR (type LIKE '%request' AND {when} IS NOT NULL)"
        bad = f"id IS NULL OR NOT coalesce({known}, false)"
        row = cursor.execute(f"SELECT count(*), count(*) FILTER ({bad}) FROM lines").fetchone()  # noqa: S608
        seen, wrong = (int(row[0]), int(row[1])) if row else (0, 0)
        told.lines, told.bad = told.lines + seen, told.bad + wrong
        if wrong:
            sample(cursor, ("lines", bad), spot, told, _NAMES)
        self._number += 1
        cursor.execute(f"INSERT INTO waiting BY NAME SELECT *, {self._number} AS turn FROM lines WHERE NOT ({bad})")  # noqa: S608

    def _made(self, kept: int) -> Imported:
        """Those whose other half is there; and the oldest of the others, but for so many."""
        cursor = self._cursor
        whole = "(SELECT id FROM waiting GROUP BY id HAVING count(DISTINCT type) > 1)"
        row = cursor.execute(f"SELECT max(turn) FROM waiting WHERE id NOT IN {whole}").fetchone()  # noqa: S608
        crowded = cursor.execute(f"SELECT count(*) FROM waiting WHERE id NOT IN {whole}").fetchone()  # noqa: S608
        late = (crowded[0] if crowded else 0) > kept
        last = (row[0] if row and row[0] is not None else 0) + (0 if kept else 1)
        done = f"id IN {whole}" + (f" OR turn < {last}" if late else "")
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE ready AS SELECT * FROM waiting WHERE {done}")  # noqa: S608
        cursor.execute(f"DELETE FROM waiting WHERE {done}")  # noqa: S608
        fields = Fields({**dict.fromkeys(_PLAIN, "VARCHAR"), **dict.fromkeys(("status",), "VARCHAR"), **_JSON})
        pairs = _pairs().replace("FROM waiting", "FROM ready")
        good = "status = 200 AS answered, true AS whole"
        known = f"SELECT {select(FORMAT, fields)} FROM ({pairs})"  # noqa: S608
        made = f"SELECT * REPLACE (coalesce(caller, 'unknown') AS caller), {good} FROM ({known})"  # noqa: S608
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE asked AS {made}")
        return self._columns.take(cursor)


_JSON = dict.fromkeys(("inputs", "scores", "labels", "amounts"), "JSON")
