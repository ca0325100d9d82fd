import duckdb
import msgspec
import pytest

from wellhead.capture.importers.blocks import blocks
from wellhead.capture.importers.mapping import Mapping
from wellhead.capture.importers.source import Tables, parquet_parts
from wellhead.core.errors import ConfigError, StoreError
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


def told(tmp_path, lines, mapping=MAPPING):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    with connect() as cursor:
        tables = Tables(cursor, mapping)
        list(tables.read(path))
    return tables.told


def test_fewer_rows_than_none_make_a_line_malformed(tmp_path):
    mapping = msgspec.structs.replace(MAPPING, rows=("rows",))
    lines = [f'{{"t": 1, "who": "a", "rows": {n}}}' for n in (-5, 0, 5, '"-1"', "null", '"x"')]
    said = told(tmp_path, [*lines, '{"t": 1, "who": "a"}'], mapping)
    assert (said.lines, said.bad) == (7, 2)
    assert said.sample[0] == '{"t": 0, "who": "x", "rows": -0}'


@pytest.mark.parametrize("odd", ['"x"', "5", "[1, 2]", "null", "{half"])
def test_one_line_that_is_no_object_leaves_the_others_what_they_are(tmp_path, odd):
    mapping = Mapping(name="m", time=("/a/t",), principal=("/a/who",))
    line = '{"a": {"t": 1, "who": "p"}}'
    said = told(tmp_path, [line, odd, line], mapping)
    assert (said.lines, said.bad) == (3, 1)


def test_five_malformed_lines_are_shown_of_however_many_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("wellhead.capture.importers.source.blocks", lambda *a: blocks(*a, size=100))
    assert len(told(tmp_path, ["bad"] * 3).sample) == 3
    said = told(tmp_path, ["{bad"] * 300)
    assert (said.bad, len(said.sample)) == (300, 5)


def test_lines_without_a_time_and_those_without_a_caller_are_told_apart(tmp_path):
    said = told(tmp_path, ['{"t": 1}', '{"who": "a"}', '{"who": "b"}', "{}", '{"t": 1, "who": "c"}'])
    assert (said.lines, said.bad, said.timeless, said.nameless) == (5, 4, 2, 1)


def test_what_a_mapping_names_may_have_any_name(tmp_path):
    for odd in ("/", "//", 'a"b', "'", "$.x", "~2"):
        mapping = msgspec.structs.replace(MAPPING, path=(odd,), principal=(odd, "who"))
        assert told(tmp_path, ['{"t": 1, "who": "c"}'], mapping).bad == 0


def test_a_mapping_that_the_database_refuses_is_an_error_that_quotes_nothing(tmp_path):
    mapping = msgspec.structs.replace(MAPPING, time_format="%Q")
    with pytest.raises(ConfigError, match="expected a mapping that fits the log, got m: InvalidInputException"):
        told(tmp_path, ['{"t": "secret", "who": "c"}'], mapping)


def test_what_is_no_parquet_is_said(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_text("no")
    with connect() as cursor, pytest.raises(StoreError, match=r"x\.parquet"):
        list(parquet_parts(cursor, path, None, 10))
