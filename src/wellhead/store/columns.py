"""Records as Parquet columns, by DuckDB alone: lines of JSON in, rows out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from wellhead.core.errors import MissingExtra, StoreError

if TYPE_CHECKING:
    import duckdb

    from wellhead.core.event import Coded, Event

    R = TypeVar("R", Event, Coded)

_TYPES = {"str": "VARCHAR", "int": "BIGINT", "tuple[int, ...]": "BIGINT[]", "tuple[str, ...]": "VARCHAR[]"}
_ORDER = {"Event": "principal, time_us, request, part", "Coded": "request, part"}
_ROW_GROUP = 8192


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that uses one thread and fetches nothing from anywhere."""
    try:
        import duckdb
    except ModuleNotFoundError as e:
        raise MissingExtra("history needs duckdb", "pip install 'wellhead[serve]'") from e
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    return duckdb.connect(":memory:", config=settings)


def columns_of(record: type[msgspec.Struct]) -> dict[str, str]:
    """Column name to DuckDB type of a stored record."""
    return {name: _TYPES[str(kind)] for name, kind in record.__annotations__.items()}


def select_list(record: type[msgspec.Struct]) -> str:
    """The record's columns in the order of its fields."""
    return ", ".join(record.__struct_fields__)


def write_rows(cursor: duckdb.DuckDBPyConnection, lines: list[bytes], record: type[msgspec.Struct], path: Path) -> None:
    """Write records, given as JSON lines, to a Parquet file sorted for look-ups; raises StoreError."""
    import duckdb

    new = path.with_suffix(".new")
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in columns_of(record).items())
    try:
        with tempfile.NamedTemporaryFile(suffix=".jsonl", dir=path.parent) as source:
            source.writelines(line + b"\n" for line in lines)
            source.flush()
            cursor.execute(
                f"COPY (SELECT {select_list(record)} FROM read_json({_quoted(source.name)}, columns={{{columns}}},"  # noqa: S608
                f" format='newline_delimited') ORDER BY {_ORDER[record.__name__]})"
                f" TO {_quoted(str(new))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
            )
        new.replace(path)
    except (duckdb.Error, OSError) as e:
        raise StoreError(f"cannot write {path}: {' '.join(str(e).split())}", "make room on the disk") from e
    finally:
        cursor.close()
        new.unlink(missing_ok=True)


def read_rows(
    cursor: duckdb.DuckDBPyConnection, record: type[R], files: list[Path], where: str, arguments: list[Any]
) -> list[R]:
    """The records of these Parquet files that match."""
    if not files:
        return []
    source = f"SELECT {select_list(record)} FROM read_parquet({listed(files)}) WHERE {where}"  # noqa: S608
    names = record.__struct_fields__
    lists = [i for i, kind in enumerate(columns_of(record).values()) if kind.endswith("[]")]
    made = []
    for row in cursor.execute(source, arguments).fetchall():
        values = list(row)
        for i in lists:
            values[i] = tuple(values[i])
        made.append(record(**dict(zip(names, values, strict=True))))
    return made


def listed(files: list[Path]) -> str:
    """Paths as a list in SQL."""
    return "[" + ", ".join(_quoted(str(f)) for f in files) + "]"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
