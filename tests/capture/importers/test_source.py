import duckdb
import pytest

from wellhead.capture.importers.mapping import Mapping
from wellhead.capture.importers.source import Tables, parquet_parts
from wellhead.core.errors import StoreError
from wellhead.store.columns import connect

MAPPING = Mapping(name="m", time=("t",), principal=("/who/id", "who"))


def test_parquet_is_read_in_parts_that_cover_it(tmp_path):
    path = tmp_path / "x.parquet"
    duckdb.sql(f"COPY (SELECT i AS t, {{'id': 'p' || i}} AS who FROM range(25) r(i)) TO '{path}'")  # noqa: S608
    moved = []
    with connect() as cursor:
        parts = list(parquet_parts(cursor, path, moved.append, 10))
        counts = [cursor.execute(f"SELECT count(*) FROM {part}").fetchone()[0] for part in parts]  # noqa: S608
        tables = Tables(cursor, MAPPING)
        for _ in tables.read(path):
            callers = cursor.execute("SELECT caller FROM asked ORDER BY time_s").fetchall()
    assert (counts, sum(moved)) == ([10, 10, 5], path.stat().st_size)
    assert callers[:2] == [("p0",), ("p1",)]
    assert (tables.told.lines, tables.told.bad) == (25, 0)


def test_what_is_no_parquet_is_said(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_text("no")
    with connect() as cursor, pytest.raises(StoreError, match=r"x\.parquet"):
        list(parquet_parts(cursor, path, None, 10))
