import argparse
import json

import pytest
from bygone import BEGAN, DAY, event, traffic, write_log

from wellhead.cli import backtest
from wellhead.core.errors import ConfigError
from wellhead.core.finding import Finding, Review

DETECT = '[detect]\nalarm_budget = "1 per 100 principals per 1 day"\nsegments = ["use"]\n'
RULE = """
name = "mine"
why = "w"
honest = "h"
conditions = [{field = "rows", op = ">=", value = 100.0}]
hit = [{rows = 200}]
miss = [{rows = 50}]
"""


def finding(uid, name):
    return Finding(
        uid=uid, time_us=int((BEGAN + DAY) * 1e6), title="t", signal="guilt", members=(name,), rows=1,
        replication_ppm=-1, attainable_ppm=-1, bits_milli=-1, detail="d",
    )  # fmt: skip


def review(uid, verdict):
    return Review(finding=uid, time_us=int((BEGAN + DAY) * 1e6), verdict=verdict)


@pytest.fixture
def place(tmp_path):
    """A log of 40 small principals over two days, one large one on the second, and two reviews."""
    large = [event(5000 + i, "large", BEGAN + DAY + 60.0 * i) for i in range(20)]
    people = sorted([*traffic(40, 2, requests=3), *large], key=lambda e: e.time_us)
    judged = [finding("F-1", "large"), review("F-1", "theft"), finding("F-2", "p3"), review("F-2", "honest")]
    (tmp_path / "wellhead.toml").write_text(write_log(tmp_path, [*people, *judged], 2) + DETECT)
    return tmp_path


def command(place, *argv):
    top = argparse.ArgumentParser()
    backtest.register(top.add_subparsers())
    arguments = top.parse_args(["backtest", "-c", str(place / "wellhead.toml"), *argv])
    return arguments.run(arguments)


def told(place, capsys, *argv):
    assert command(place, "--json", *argv) == 0
    return json.loads(capsys.readouterr().out)


def test_a_rule_file_an_expression_and_logs_say_the_same(place, capsys, monkeypatch):
    monkeypatch.setattr("time.time", lambda: BEGAN + 3 * DAY)
    (place / "mine.toml").write_text(RULE)
    for argv in ((str(place / "mine.toml"),), ("rows>=100",), ("rows>=100", "--logs", str(place / "log"))):
        found = told(place, capsys, *argv)
        (hit,) = found["hits"]
        assert (hit["principal"], hit["review"]) == ("large", "theft"), argv
        assert 100 <= hit["rows"] <= 320
        assert BEGAN + DAY < hit["time_s"] < BEGAN + 2 * DAY
        assert found["principals"] == 41
        assert (found["theft"], found["honest"]) == ([1, 1], [0, 1])


def test_people_are_shown_shares_days_and_reviews(place, capsys):
    assert command(place, "rows>=100") == 0
    said = capsys.readouterr().out
    assert "Would have hit 1 principals, 2.4 % of all" in said
    assert "Reviewed as theft: 1 of 1 hit" in said and "Reviewed as honest: 0 of 1 hit" in said
    assert "large" in said and "█" in said


def test_a_rule_in_force_goes_by_its_name(place, capsys):
    assert told(place, capsys, "full_confidence")["test"] == "full_confidence"


def test_the_promise_hits_as_few_as_it_promises(place, capsys):
    from wellhead.cli import calibrate

    (place / "more").mkdir()
    (place / "wellhead.toml").write_text(write_log(place / "more", traffic(500, 2.5, requests=4), 2.5) + DETECT)
    top = argparse.ArgumentParser()
    calibrate.register(top.add_subparsers())
    arguments = top.parse_args(["calibrate", "-c", str(place / "wellhead.toml")])
    arguments.run(arguments)
    capsys.readouterr()
    found = told(place, capsys, "promise")
    assert found["test"] == "promise of 1 per 100 principals per 1 days"
    assert 0 < found["rate"] < 0.02
    assert all(hit["said"].startswith("score ") for hit in found["hits"])
    command(place, "promise")
    assert "its rate here is no test of it" in capsys.readouterr().out


def test_no_promise_no_rule_and_no_expression(place):
    with pytest.raises(ConfigError, match="expected a promise, got none"):
        command(place, "promise")
    with pytest.raises(ConfigError, match="expected a rule, an expression or `promise`, got `nonsense`"):
        command(place, "nonsense")
    with pytest.raises(ConfigError, match="no field or detector"):
        command(place, "nonsense>=1")


@pytest.mark.parametrize(("counts", "bars"), [((0, 1, 8), " ▁█"), ((0,), " "), ((1,) * 120, "█" * 60)])
def test_sparklines(counts, bars):
    assert backtest.sparkline(counts) == bars
