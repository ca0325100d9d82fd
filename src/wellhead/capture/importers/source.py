"""One file of any format, as blocks of the table `asked`: one row a request, the same columns whatever the log."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Set
from collections.abc import Mapping as Types
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec

from wellhead.capture.importers.blocks import Progress, blocks
from wellhead.capture.importers.fields import Fields, answered, keys, named, quoted, select
from wellhead.capture.importers.form import form_of
from wellhead.capture.importers.mapping import FIELDS, Mapping, groups, words
from wellhead.core.errors import ConfigError, StoreError

if TYPE_CHECKING:
    import duckdb

ROWS = 1 << 17
"""Rows of a Parquet file that are read at a time."""
SAMPLED = 5
_PIECE = 1 << 18
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATES = re.compile(rb"\\\\|\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(\\u[dD][89a-fA-F]\w\w)")
"""Escapes that DuckDB takes no line with: halves of a pair, the last of these; the first two are whole."""
_BAD = "caller IS NULL OR time_s IS NULL OR coalesce(n_rows, 1) < 0"
_TIMELESS, _NAMELESS = "caller IS NOT NULL AND time_s IS NULL", "caller IS NULL AND time_s IS NOT NULL"
_COUNTS = ", ".join(["count(*)", *(f"count(*) FILTER ({those})" for those in (_BAD, _TIMELESS, _NAMELESS))])


class Told(msgspec.Struct):
    """What was met while reading, beside the requests themselves.

    lines: rows or lines seen.  bad: of these, lines that are none of the format.  sample: the form of a few of them.
    timeless, nameless: of those, lines that say who asked and not when, and the other way round.
    """

    lines: int = 0
    bad: int = 0
    sample: list[str] = []
    timeless: int = 0
    nameless: int = 0


def opened() -> duckdb.DuckDBPyConnection:
    """A connection in which times without a zone are UTC."""
    from wellhead.store.columns import connect

    cursor = connect()
    cursor.execute("SET TimeZone = 'UTC'")
    return cursor


class Tables:
    """Fills the table `asked` of a DuckDB cursor, one block of one file at a time."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
        self.cursor = cursor
        self.mapping = mapping
        self.told = Told()

    def read(self, path: Path, progress: Progress | None = None) -> Iterator[None]:
        """Fill the table with one block after the other.

        Raises StoreError where the file cannot be read; lines that are none of the format are counted, and left out.
        """
        if path.suffix == ".parquet":
            for part in parquet_parts(self.cursor, path, progress, ROWS):
                described = self.cursor.execute(f"DESCRIBE SELECT * FROM {part}").fetchall()  # noqa: S608
                self._made((part, Fields({row[0]: row[1] for row in described})), None)
                yield
            return
        with tempfile.NamedTemporaryFile(prefix="wellhead-") as spot:
            for _ in blocks(path, cast(BinaryIO, spot), progress):
                self._fill(Path(spot.name))
                yield

    def _fill(self, spot: Path) -> None:
        mend(spot)
        text = self.mapping.kind == "text" or first_of(spot) != b"{"
        if self.mapping.kind == "text":
            self._made(_matches(self.mapping, spot), spot)
        elif text:
            self._made((_documents(spot), Fields({}, "j")), spot)
        else:
            columns = keys([getattr(self.mapping, f) for f in FIELDS])
            self._made((read_objects(columns, spot), Fields(columns)), spot)

    def _made(self, source: tuple[str, Fields], spot: Path | None) -> None:
        """Create the table, count and sample what is bad, and drop it; raises ConfigError for a mapping that cannot be.

        What DuckDB says is left out: it may quote the log.
        """
        import duckdb

        try:
            self._table(*source)
        except duckdb.Error as e:
            raise ConfigError(
                f"expected a mapping that fits the log, got {self.mapping.name}: {type(e).__name__}", "see docs/scan.md"
            ) from e
        row = self.cursor.execute(f"SELECT {_COUNTS} FROM asked").fetchone()  # noqa: S608
        seen, bad, timeless, nameless = map(int, row or (0, 0, 0, 0))
        self.told.lines += seen
        self.told.bad += bad
        self.told.timeless += timeless
        self.told.nameless += nameless
        if bad and spot is not None:
            sample(self.cursor, ("asked", _BAD), spot, self.told, words(self.mapping))
        if bad:
            self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE asked AS SELECT * FROM asked WHERE NOT ({_BAD})")  # noqa: S608

    def _table(self, sql: str, fields: Fields) -> None:
        kept = f"SELECT {select(self.mapping, fields)} FROM {sql}"  # noqa: S608
        good = f"{answered(self.mapping)} AS answered, true AS whole"
        self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE asked AS SELECT *, {good} FROM ({kept})")  # noqa: S608


def sample(cursor: duckdb.DuckDBPyConnection, where: tuple[str, str], spot: Path, told: Told, known: Set[str]) -> None:
    """Keep the form of a few of the block's bad lines.

    where: the table, one row for each line that is not blank, in order, and what is true of bad ones.  known: keys.
    """
    if len(told.sample) >= SAMPLED:
        return
    table, bad = where
    numbered = f"SELECT *, row_number() OVER () - 1 AS place FROM {table}"  # noqa: S608
    found = cursor.execute(f"SELECT place FROM ({numbered}) WHERE {bad} LIMIT {SAMPLED}").fetchall()  # noqa: S608
    lines = [line for line in spot.read_bytes().split(b"\n") if line.strip()]
    for (place,) in found:
        if place < len(lines) and len(told.sample) < SAMPLED:
            told.sample.append(form_of(lines[place], known))


def parquet_parts(cursor: duckdb.DuckDBPyConnection, path: Path, progress: Progress | None, size: int) -> Iterator[str]:
    """A Parquet file as SQL sources of so many rows; raises StoreError where it cannot be read."""
    import duckdb

    name = quoted(str(path))
    try:
        row = cursor.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({name})").fetchone()  # noqa: S608
        total = int(row[0]) if row else 0
        length, told = path.stat().st_size, 0
        for start in range(0, total, size):
            rows = f"file_row_number >= {start} AND file_row_number < {start + size}"
            yield f"(SELECT * FROM read_parquet({name}, file_row_number = true) WHERE {rows})"  # noqa: S608
            at = length * min(start + size, total) // total
            if progress is not None:
                progress(at - told)
            told = at
    except duckdb.Error as e:
        raise StoreError(f"cannot read {path}: {' '.join(str(e).split())[:200]}", "is it a Parquet file?") from e


def read_objects(columns: Types[str, str], spot: Path) -> str:
    """Lines that are JSON objects, column by column: DuckDB gives a row of NULLs for any other line."""
    listed = ", ".join(f"{named(name)}: {quoted(kind)}" for name, kind in columns.items())
    return (
        f"read_json({quoted(str(spot))}, format = 'newline_delimited', records = true, ignore_errors = true, "
        f"maximum_object_size = 67108864, columns = {{{listed}}})"
    )


def first_of(spot: Path) -> bytes:
    """The first byte of a block that is no blank."""
    with spot.open("rb") as f:
        return f.read(4096).lstrip()[:1]


def mend(spot: Path) -> None:
    """Make the block UTF-8, whatever it was in: a caller whose bytes are none would else be left out."""
    if _plain(spot):
        return
    block = spot.read_bytes()
    try:
        block.decode("utf-8")
        mended = block
    except UnicodeDecodeError:
        mended = block.decode("utf-8", "replace").encode()
    mended = _SURROGATES.sub(_paired, mended) if _HALF.search(mended) else mended
    if mended != block:
        spot.write_bytes(mended)


def _plain(spot: Path) -> bool:
    """True where nothing can be wrong: ASCII, and no escapes."""
    with spot.open("rb") as f:
        while piece := f.read(_PIECE):
            if not piece.isascii() or b"\\" in piece:
                return False
    return True


def _paired(found: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if found[1] else found[0]


def _lines(spot: Path) -> str:
    whole = f"SELECT decode(content) AS content FROM read_blob({quoted(str(spot))})"  # noqa: S608
    return f"(SELECT unnest(string_split(content, chr(10))) AS line FROM ({whole}))"  # noqa: S608


def _documents(spot: Path) -> str:
    """Lines with something before the JSON, as CloudWatch writes them, or with an array of objects."""
    text = f"SELECT regexp_extract(line, '[\\[{{].*[\\]}}]') AS line FROM {_lines(spot)} WHERE trim(line) <> ''"  # noqa: S608
    lists = "CASE WHEN line LIKE '[%' THEN coalesce(TRY_CAST(line AS JSON[]), [NULL]) ELSE [TRY_CAST(line AS JSON)] END"
    return f"(SELECT unnest({lists}) AS j FROM ({text}))"  # noqa: S608


def _matches(mapping: Mapping, spot: Path) -> tuple[str, Fields]:
    """Lines of text, taken apart by the mapping's pattern."""
    names = groups(mapping.pattern)
    listed = ", ".join(map(quoted, names))
    found = (
        f"SELECT regexp_extract(line, {quoted(mapping.pattern)}, [{listed}]) AS m FROM {_lines(spot)} "  # noqa: S608
        "WHERE trim(line, ' ' || chr(13)) <> ''"
    )
    return f"(SELECT unnest(m) FROM ({found}))", Fields(dict.fromkeys(names, "VARCHAR"))  # noqa: S608
