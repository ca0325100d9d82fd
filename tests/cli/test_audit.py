import argparse
import json

import pytest

from wellhead.audit.log import Log
from wellhead.cli.audit import register
from wellhead.core.errors import AuditError
from wellhead.core.event import Mark


@pytest.fixture
def here(tmp_path):
    log = Log.open(tmp_path / "log", "example.com/log", tmp_path / "key", 1, tmp_path / "anchor")
    log.append([Mark(time_us=i, what=f"w{i}") for i in range(5)])
    log.close(2_000_000)
    text = f'[audit]\ndirectory = "{tmp_path}/log"\nanchor = "{tmp_path}/anchor"\n'
    (tmp_path / "wellhead.toml").write_text(text)
    return tmp_path


def call(here, *words):
    top = argparse.ArgumentParser()
    register(top.add_subparsers())
    verb, *rest = words
    place = () if "-d" in rest else ("-c", str(here / "wellhead.toml"))
    arguments = top.parse_args(["audit", verb, *place, *rest])
    return arguments.run(arguments)


def test_verify_prints_three_verdicts_and_never_one_ok(here, capsys):
    assert call(here, "verify", "--vkey", str(here / "log" / "log.vkey")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "integrity    PASS    all 5 signed entries recompute to the signed root",
        "completeness PASS    all 5 anchored entries are there, as in each of 1 anchored checkpoints",
        "anchoring    PASS    entries 0 to 5 anchored, last at 1970-01-01 00:00:02Z",
    ]


def test_verify_without_config(here, capsys):
    assert call(here, "verify", "-d", str(here / "log")) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["PASS", "UNKNOWN", "UNKNOWN"]


def test_exit_codes_of_a_bad_and_of_an_unclosed_log(here, capsys):
    log = Log.open(here / "log", "example.com/log", here / "key", 3)
    log.append([Mark(time_us=9, what="x")])
    log.abandon()
    assert call(here, "verify") == 3
    segment = here / "log" / "entries" / "000000.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"w3", b"w4"))
    capsys.readouterr()
    assert call(here, "verify", "--json") == 1
    assert json.loads(capsys.readouterr().out)["integrity"]["outcome"] == "fail"


def test_tail(here, capsys):
    assert call(here, "tail", "-n", "2") == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split(" ", 1)[0] for line in out] == ["3", "4"]
    assert json.loads(out[1].split(" ", 1)[1])["what"] == "w4"


def test_export_of_tiles_and_lines(here, capfdbinary):
    assert call(here, "export", str(here / "tiles")) == 0
    assert (here / "tiles" / "tile" / "entries" / "000.p" / "5").exists()
    assert call(here, "export", str(here / "lines"), "--lines", "--start", "1", "--end", "3") == 0
    assert capfdbinary.readouterr().out == (
        f"5 entries of example.com/log in {here}/tiles\n2 entries in {here}/lines\n".encode()
    )
    assert [json.loads(line)["what"] for line in (here / "lines").read_text().splitlines()] == ["w1", "w2"]
    assert call(here, "export", "-", "--lines", "--start", "4") == 0
    with pytest.raises(AuditError, match="name a new file"):
        call(here, "export", str(here / "lines"), "--lines")
