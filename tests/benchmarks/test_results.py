import json

import pytest
from benchmarks import results
from benchmarks.results import Figure


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_the_file_is_a_list_of_five_fields_each(folder, capsys):
    results.write("inline", [Figure("middleware_cpu_us", 31.5, "us", "uvicorn alone"), Figure("rate", 9.0, "1/s")])
    assert json.loads((folder / "inline.json").read_text()) == [
        {"figure": "middleware_cpu_us", "value": 31.5, "unit": "us", "peer": "uvicorn alone", "better": "lower"},
        {"figure": "rate", "value": 9.0, "unit": "1/s", "peer": "", "better": "lower"},
    ]
    shown = capsys.readouterr().out
    assert "middleware_cpu_us" in shown and "31.5" in shown and "35" in shown and "met" in shown


def test_what_was_written_is_read_and_more_fields_are_let_be(folder):
    assert results.read("replication") == []
    folder.mkdir()
    row = {"figure": "a", "value": 1, "unit": "points", "peer": "", "better": "lower", "worst": 3.0}
    (folder / "replication.json").write_text(json.dumps([row]))
    assert results.read("replication") == [Figure("a", 1.0, "points")]


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (Figure("middleware_cpu_us", 35.0, "us"), "met"),
        (Figure("middleware_cpu_us", 35.1, "us"), "missed"),
        (Figure("audit_verify_per_s", 150_000.0, "1/s", "", "higher"), "met"),
        (Figure("audit_verify_per_s", 149_999.0, "1/s", "", "higher"), "missed"),
        (Figure("nothing_promised", 1.0, "us"), ""),
    ],
)
def test_a_promise_is_met_or_missed(figure, expected):
    assert results.verdict(figure) == expected
