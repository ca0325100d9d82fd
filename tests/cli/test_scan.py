import argparse
import csv
import io
import json

import pytest

from wellhead.cli import scan
from wellhead.core.errors import ConfigError


def run(*words):
    parser = argparse.ArgumentParser()
    scan.register(parser.add_subparsers())
    arguments = parser.parse_args(["scan", *words])
    return arguments.run(arguments)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    lines = [
        {"time": 1.7e9 + i, "principal": "=thief" if i % 2 else f"p{i % 60}", "input": str(i)} for i in range(2000)
    ]
    path.write_text("".join(json.dumps(e) + "\n" for e in lines) + "half a li\n")
    return str(path)


def test_findings_make_exit_code_1_and_no_findings_0(log, tmp_path, capsys):
    assert run(log, "--top", "3") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "1 malformed" in said
    assert "malformed: half a li" in said
    assert "=thief" in said
    assert "needs a fitted profile" in said
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert run(str(empty)) == 0
    assert "history is empty" in " ".join(capsys.readouterr().out.split())


def test_json_is_all_of_it(log, capsys):
    run(log, "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["bad"], found["formats"]["json"]) == (2000, 1, "nothing that is not in the file")
    assert found["findings"][0]["signal"] == "rule"


def test_csv_has_a_line_a_member_and_no_formulas(log, capsys):
    run(log, "--csv")
    lines = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert lines[0][:3] == ["uid", "signal", "principal"]
    assert any(line[2] == "'=thief" for line in lines[1:])


def test_quick_shows_plain_aggregates(log, capsys):
    assert run(log, "--quick", "--top", "1") == 0
    said = capsys.readouterr().out
    assert "=thief" in said
    assert "1,000" in said


def test_keys_of_the_mapping_can_be_replaced(log, capsys):
    run(log, "--json", "--principal", "/input", "--top", "0")
    assert json.loads(capsys.readouterr().out)["principals"] == 2000


def test_unknown_formats_and_absent_files_are_said(log):
    with pytest.raises(ConfigError, match="known: own"):
        run(log, "--format", "nginxx")
    with pytest.raises(ConfigError, match=r"absent\.wellhead"):
        run(log, "--profile", "absent.wellhead")
