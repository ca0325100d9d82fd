import gzip
import json

import pytest

from wellhead.capture.importers.registry import named
from wellhead.core.errors import ConfigError, StoreError
from wellhead.serve.scan_sources import blocks, sources, unread
from wellhead.serve.scan_words import Counted, Question

NOW = 1.8e9


@pytest.fixture
def folder(tmp_path):
    """A log, an empty one, and a file that is no log."""
    place = tmp_path / "logs"
    place.mkdir()
    lines = [{"time": 1.7e9 + i, "principal": f"p{i % 3}"} for i in range(100)]
    (place / "a.jsonl").write_text("".join(json.dumps(e) + "\n" for e in lines))
    (place / "b.jsonl").write_text("")
    (place / "odd.log").write_text("what is this\n")
    return place


def cut(path):
    """A file whose compression ends in the middle."""
    whole = gzip.compress(b"".join(b'{"time": 1.7e9, "principal": "p%d"}\n' % i for i in range(20_000)))
    path.write_bytes(whole[: len(whole) // 2])
    return path


def read(question):
    counted = Counted()
    found = list(blocks(question, sources(question, counted), counted, NOW))
    return found, counted


def test_sources_are_sorted_by_format_and_empty_ones_left_out(folder):
    logs = (str(folder / "a.jsonl"), str(folder / "b.jsonl"), str(folder / "a.jsonl"))
    ((mapping, files),) = sources(Question(logs=logs, changes={"principal": ("/ip",)}))
    assert (mapping.name, mapping.principal, [p.name for p in files]) == ("json", ("/ip",), ["a.jsonl"])


def test_a_file_of_no_known_format_is_refused_where_it_is_named_and_skipped_in_a_folder_or_glob(folder):
    odd = str(folder / "odd.log")
    with pytest.raises(ConfigError, match="known format"):
        sources(Question(logs=(str(folder), odd)[::-1]))
    assert sources(Question(logs=(odd,), format=named("combined")))
    for log in (str(folder), str(folder / "*")):
        counted = Counted()
        ((_, files),) = sources(Question(logs=(log,)), counted)
        assert ([p.name for p in files], counted.skipped) == (["a.jsonl"], [odd])
    (folder / "a.jsonl").unlink()
    with pytest.raises(ConfigError, match="known format"):
        sources(Question(logs=(str(folder),)))
    with pytest.raises(StoreError):
        sources(Question(logs=("absent",)))


def test_of_a_damaged_file_among_good_ones_it_is_told(folder):
    bad = cut(folder / "c.jsonl.gz")
    (folder / "d.parquet").write_bytes(b"no parquet")
    found, counted = read(Question(logs=(str(folder),)))
    assert sum(len(b.visits) for b in found) == counted.requests >= 100
    assert set(counted.damaged) == {str(bad), str(folder / "d.parquet")}
    assert "c.jsonl.gz" in unread(counted) and "d.parquet" in unread(counted)
    assert (counted.first_s, counted.skipped) == (1.7e9, [str(folder / "odd.log")])


def test_where_nothing_else_is_read_a_damaged_file_is_an_error(folder):
    (folder / "d.parquet").write_bytes(b"no parquet")
    with pytest.raises(StoreError, match="d.parquet"):
        read(Question(logs=(str(folder / "d.parquet"),)))


def test_lines_of_which_none_can_be_read_are_no_success(folder):
    _, counted = read(Question(logs=(str(folder / "odd.log"),), format=named("json")))
    assert "got 1 line of which none can be read" in unread(counted)
    assert unread(Counted()) == unread(read(Question(logs=(str(folder / "a.jsonl"),)))[1]) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time": ("nope",)}, "no time was found at nope, read as `auto`: see `time` and `time_format`, or --time"),
        ({"time_format": "%H o'clock"}, "read as `%H o'clock`"),
        ({"principal": ("x", "/y"), "credential": (), "address": ()}, "no caller was found at x, /y: see `principal`"),
    ],
)
def test_a_setting_by_which_every_line_is_malformed_is_named(folder, changes, said):
    _, counted = read(Question(logs=(str(folder / "a.jsonl"),), changes=changes))
    assert (counted.bad, counted.requests) == (100, 0)
    assert said in unread(counted)
    assert said in counted.hints[0]


def test_no_setting_is_blamed_where_some_lines_are_whole(folder):
    with (folder / "a.jsonl").open("a") as f:
        f.write('{"principal": "p"}\n')
    _, counted = read(Question(logs=(str(folder / "a.jsonl"),)))
    assert (counted.bad, counted.hints) == (1, [])


@pytest.mark.parametrize("paths", ["(", "[a-", "(?<=x)y"])
def test_a_pattern_that_is_none_is_said(folder, paths):
    with pytest.raises(ConfigError, match="regular expression"):
        sources(Question(logs=(str(folder / "a.jsonl"),), changes={"paths": paths}))
