"""Five plain aggregates of each principal, by one query: how many, how different, from where, how sure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wellhead.capture.importers.blocks import head
from wellhead.capture.importers.fields import Fields, keys, named, quoted, select
from wellhead.capture.importers.kserve import FORMAT as KSERVE
from wellhead.capture.importers.mapping import Mapping
from wellhead.core.errors import ConfigError, StoreError
from wellhead.serve.scan_sources import Group
from wellhead.store.columns import connect, listed

if TYPE_CHECKING:
    import duckdb

FULL_CONFIDENCE = 0.9895
MOST = 1 << 20
_ASKED = ("principal", "credential", "input", "address", "confidence")
_NOBODY = (None, "", "-")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One principal. inputs, addresses: how many different ones, within some per cent and never more than requests.

    confidence: mean.  full: answers with full confidence.  Each is None where the log has none of its.
    """

    principal: str
    requests: int
    inputs: int | None
    addresses: int | None
    confidence: float | None
    full: int | None


class Quick(msgspec.Struct, frozen=True, kw_only=True):
    """The principals, those with most requests first. nobody: lines that say no caller, or are malformed."""

    lines: list[Line]
    nobody: int


class _Source(msgspec.Struct, frozen=True):
    """Files that one table function reads."""

    mapping: Mapping
    sql: str
    fields: Fields

    def alone(self) -> bool:
        """True where one column of principals is there, so that callers need no second look at other columns."""
        return self._there(self.mapping.principal) == 1

    def more(self) -> bool:
        """True where a caller without a principal may have a credential or an address."""
        return self._there((*self.mapping.credential, *self.mapping.address)) > 0

    def _there(self, pointers: tuple[str, ...]) -> int:
        return sum(self.fields.value(p) != "NULL" for p in pointers)

    def select(self, whole: bool) -> str:
        """SQL of the columns who, input, address and confidence. whole: all that a full scan looks at, in its order."""
        fields, mapping = self.fields, self.mapping
        if whole:
            every = (
                f"SELECT {select(mapping, fields)}, {fields.text(mapping.input)} AS asked_, "  # noqa: S608
                f"{fields.text(mapping.address)} AS address_ FROM {self.sql}"
            )
            return f"SELECT caller AS who, asked_ AS input, address_ AS address, confidence FROM ({every})"  # noqa: S608
        # one column as it is: every function on it would cost as much as the aggregates
        who = next(v for p in mapping.principal if (v := fields.value(p)) != "NULL")
        return (
            f"SELECT {who} AS who, {_first(fields, mapping.input)} AS input, "  # noqa: S608
            f"{_first(fields, mapping.address)} AS address, "
            f"TRY_CAST({_first(fields, mapping.confidence)} AS DOUBLE) AS confidence FROM {self.sql}"
        )


def aggregates(mapping: Mapping, files: Sequence[Path]) -> list[Line]:
    """The principals of the files of one format; see `quick`."""
    return quick([(mapping, tuple(files))]).lines


def quick(groups: Sequence[Group]) -> Quick:
    """The principals of JSON lines and Parquet files, MOST at most.

    Raises ConfigError for formats that one query cannot read, StoreError for a file that cannot be read.
    """
    import duckdb

    with connect() as cursor:
        try:
            sources = [s for mapping, files in groups for s in _sources(cursor, mapping, files)]
            return _asked(cursor, sources) if sources else Quick(lines=[], nobody=0)
        except duckdb.Error as e:
            raise StoreError(f"cannot read the logs: {' '.join(str(e).split())[:200]}", "leave out --quick") from e


def _asked(cursor: duckdb.DuckDBPyConnection, sources: Sequence[_Source]) -> Quick:
    """By one column of principals where there is one, and once more by all where some have none in it."""
    whole = not all(s.alone() for s in sources)
    found = cursor.execute(_query(sources, whole)).fetchall()
    if not whole and any(s.more() for s in sources) and any(row[0] in _NOBODY for row in found):
        found = cursor.execute(_query(sources, True)).fetchall()
    lines = [
        # none that differs is none at all
        Line(
            principal=who,
            requests=n,
            inputs=min(i, n) or None,
            addresses=min(a, n) or None,
            confidence=c,
            full=None if c is None else full,
        )
        for who, n, i, a, c, full in found
        if who not in _NOBODY
    ]
    return Quick(lines=lines, nobody=sum(row[1] for row in found if row[0] in _NOBODY))


def _query(sources: Sequence[_Source], whole: bool) -> str:
    every = " UNION ALL ".join(s.select(whole) for s in sources)
    return (
        "SELECT who, count(*) AS n, approx_count_distinct(input), approx_count_distinct(address), avg(confidence), "  # noqa: S608
        f"count(*) FILTER (confidence >= {FULL_CONFIDENCE}) FROM ({every}) GROUP BY 1 "
        f"ORDER BY who IS NOT NULL, n DESC, 1 LIMIT {MOST}"
    )


def _first(fields: Fields, pointers: tuple[str, ...]) -> str:
    """The first of these that is there, a column of its own as it is."""
    for pointer in pointers:
        if (value := fields.value(pointer)) != "NULL":
            column = pointer.removeprefix("/")
            return value if "/" in column else named(column)
    return "NULL::VARCHAR"


def _sources(cursor: duckdb.DuckDBPyConnection, mapping: Mapping, files: Sequence[Path]) -> Iterator[_Source]:
    """Parquet files and JSON lines apart."""
    if mapping.kind == "text" or not mapping.principal or mapping.name == KSERVE.name:
        raise ConfigError(f"expected JSON lines or Parquet for --quick, got {mapping.name}", "leave out --quick")
    tables = [f for f in files if f.suffix == ".parquet"]
    if tables:
        source = f"read_parquet({listed(tables)}, union_by_name = {str(len(tables) > 1).lower()})"
        columns = cursor.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
        yield _Source(mapping, source, Fields({row[0]: row[1] for row in columns}))
    lines = [f for f in files if f.suffix != ".parquet"]
    if lines:
        wanted = _plain(keys([getattr(mapping, f) for f in _ASKED]), lines)
        columns_sql = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in wanted.items())
        # records, or one line that is no object would make all lines values of a column that is alone
        source = (
            f"read_json({listed(lines)}, format = 'newline_delimited', records = true, ignore_errors = true, "
            f"columns = {{{columns_sql}}})"
        )
        yield _Source(mapping, source, Fields(wanted))


def _plain(wanted: dict[str, str], files: Sequence[Path]) -> dict[str, str]:
    """Of the keys that could be asked for, those that the first lines of the files have."""
    there = {key for path in files for line in head(path).split(b"\n")[:50] for key in _keys(line)}
    return {name: kind for name, kind in wanted.items() if name in there} or wanted


def _keys(line: bytes) -> set[str]:
    try:
        found = json.loads(line)
    except ValueError:
        return set()
    return set(found) if isinstance(found, dict) else set()
