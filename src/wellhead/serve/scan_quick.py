"""Five plain aggregates of each principal, by one query: how many, how different, from where, how sure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from wellhead.capture.importers.fields import Fields, keys, named, quoted
from wellhead.capture.importers.mapping import Mapping
from wellhead.core.errors import ConfigError, StoreError
from wellhead.store.columns import connect, listed

FULL_CONFIDENCE = 0.9895
_ASKED = ("principal", "credential", "input", "address", "confidence")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One principal. inputs, addresses: how many different ones, within some per cent; 0 where the log has none.

    confidence: mean, None where the log has none.  full: answers with full confidence.
    """

    principal: str
    requests: int
    inputs: int
    addresses: int
    confidence: float | None
    full: int


def aggregates(mapping: Mapping, files: Sequence[Path], most: int = 1 << 20) -> list[Line]:
    """The principals of JSON lines or Parquet files, those with most requests first.

    Raises ConfigError for formats that one query cannot read, StoreError for a file that cannot be read.
    """
    import duckdb

    with connect() as cursor:
        try:
            found = cursor.execute(f"{query(mapping, files)} LIMIT {most}").fetchall()
        except duckdb.Error as e:
            raise StoreError(f"cannot read the logs: {' '.join(str(e).split())[:200]}", "leave out --quick") from e
    return [Line(principal=p, requests=n, inputs=i, addresses=a, confidence=c, full=f) for p, n, i, a, c, f in found]


def query(mapping: Mapping, files: Sequence[Path]) -> str:
    """The SQL of the aggregates."""
    source, fields = _source(mapping, files)
    secret = not fields.has(mapping.principal) and fields.has(mapping.credential)
    said = mapping.credential if secret else mapping.principal if fields.has(mapping.principal) else mapping.address
    # one column as it is: every function on it would cost as much as the aggregates
    who = f"left(sha256({fields.text(said)}), 16)" if secret else _first(fields, said)
    confidence = f"TRY_CAST({_first(fields, mapping.confidence)} AS DOUBLE)"
    distinct = [f"approx_count_distinct({_first(fields, p)})" for p in (mapping.input, mapping.address)]
    return (
        f"SELECT {who} AS principal, count(*) AS n, {', '.join(distinct)}, avg({confidence}), "  # noqa: S608
        f"count(*) FILTER ({confidence} >= {FULL_CONFIDENCE}) FROM {source} GROUP BY 1 ORDER BY n DESC, 1"
    )


def _first(fields: Fields, pointers: tuple[str, ...]) -> str:
    """The first of these that is there, a column of its own as it is."""
    for pointer in pointers:
        if (value := fields.value(pointer)) != "NULL":
            head = pointer.removeprefix("/")
            return value if "/" in head else named(head)
    return "NULL::VARCHAR"


def _source(mapping: Mapping, files: Sequence[Path]) -> tuple[str, Fields]:
    if mapping.kind == "text" or not mapping.principal:
        raise ConfigError(f"expected JSON lines or Parquet for --quick, got {mapping.name}", "leave out --quick")
    if files and files[0].suffix == ".parquet":
        source = f"read_parquet({listed(list(files))})"
        with connect() as cursor:
            columns = cursor.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
        return source, Fields({row[0]: row[1] for row in columns})
    wanted = _plain(keys([getattr(mapping, f) for f in _ASKED]), files[0])
    listing = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in wanted.items())
    source = (
        f"read_json({listed(list(files))}, format = 'newline_delimited', ignore_errors = true, columns = {{{listing}}})"
    )
    return source, Fields(wanted)


def _plain(wanted: dict[str, str], path: Path) -> dict[str, str]:
    """Of the keys that could be asked for, those that the first lines have."""
    import json

    from wellhead.capture.importers.blocks import head

    there: set[str] = set()
    for line in head(path).split(b"\n")[:50]:
        try:
            there.update(json.loads(line))
        except (ValueError, TypeError):
            continue
    return {name: kind for name, kind in wanted.items() if name in there} or wanted
