import argparse
import json

import numpy as np
import pytest
from bygone import BEGAN, DAY, event, traffic, write_log

from wellhead.cli import backtest
from wellhead.core.codec import pack
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
    assert "Would have hit 1 principal, 2.4 % of all" in said
    assert "Reviewed as theft: 1 of 1 hit" in said and "Reviewed as honest: 0 of 1 hit" in said
    assert "large" in said and "█" in said


def test_a_rule_in_force_goes_by_its_name(place, capsys):
    assert told(place, capsys, "full_confidence")["test"] == "full_confidence"


STRUCK = BEGAN + 2.1 * DAY


def attack(requests=40):
    """From STRUCK on, answers between two classes to many new inputs in a row, a request every half minute."""
    tied = {"confidence_pm": (505,) * 32, "scores": pack(np.zeros((32, 2), np.int8))}
    return [event(9000 + i, "attacker", STRUCK + 30.0 * i, rows=32, **tied) for i in range(requests)]


@pytest.fixture(scope="module")
def struck(tmp_path_factory):
    """500 honest principals over two and a half days, an attacker on the third, and a promise made of the first two."""
    from wellhead.cli import calibrate

    place = tmp_path_factory.mktemp("struck")
    judged = [finding("F-1", "attacker"), review("F-1", "theft"), finding("F-2", "p3"), review("F-2", "honest")]
    people = sorted([*traffic(500, 2.5, requests=4), *attack()], key=lambda e: e.time_us)
    (place / "wellhead.toml").write_text(write_log(place, [*people, *judged], 2.5) + DETECT)
    top = argparse.ArgumentParser()
    calibrate.register(top.add_subparsers())
    arguments = top.parse_args(["calibrate", "-c", str(place / "wellhead.toml")])
    arguments.run(arguments)
    return place


def test_the_promise_hits_the_attacker_early_and_as_few_others_as_it_promises(struck, capsys):
    found = told(struck, capsys, "promise")
    assert found["test"] == "promise of 1 per 100 principals per 1 days"
    assert all(hit["said"].startswith("score ") for hit in found["hits"])
    (hit,) = [h for h in found["hits"] if h["principal"] == "attacker"]
    assert STRUCK <= hit["time_s"] < STRUCK + 30.0 * 40
    assert 16 <= hit["rows"] < 40 * 32 / 2
    assert (hit["review"], found["theft"]) == ("theft", [1, 1])
    assert 0 < found["rate"] < 0.02
    command(struck, "promise")
    assert "its rate here is no test of it" in capsys.readouterr().out


def test_a_detector_and_a_threshold_say_who_and_when(struck, capsys):
    found = told(struck, capsys, "boundary>=0.9 and rows>=64")
    (hit,) = found["hits"]
    assert (hit["principal"], hit["periods"]) == ("attacker", 1)
    assert STRUCK <= hit["time_s"] < STRUCK + 30.0 * 40
    assert (found["theft"], found["honest"], found["days"]) == ([1, 1], [0, 1], [0, 0, 1])
    assert hit["said"].startswith("boundary ")
    nobody = told(struck, capsys, "boundary>=0.9 and rows>=100000")
    assert (nobody["hits"], nobody["rate"], nobody["theft"]) == ([], 0.0, [0, 1])


def test_what_only_the_watched_have_is_no_test_of_everybody(struck):
    with pytest.raises(ConfigError, match="no field or detector `drawn`"):
        command(struck, "drawn>=0.5")


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


MAPPING = """
name = "mine"
time = "/t"
principal = "/who"
status = "/code"
"""


def lines(tmp_path, many=600, **columns):
    """A log of its own format without inputs and answers, of ten callers; the first request was refused."""
    path = tmp_path / "mine.log"
    events = [{"t": 1.7e9 + 60 * i, "who": f"p{i % 10}", "code": 200, **columns} for i in range(1, many)]
    path.write_text(
        "".join(json.dumps(e) + "\n" for e in [{"t": 1.7e9, "who": "first", "code": 403}, *events]) + "half\n"
    )
    (tmp_path / "map.toml").write_text(MAPPING)
    return ("--logs", str(path), "--format", str(tmp_path / "map.toml"))


NEEDY = ("unique", "unique_ratio", "label_evenness", "full_confidence_ratio", "scores_asked_ratio", "boundary_ratio")


@pytest.mark.parametrize("field", NEEDY)
def test_what_the_logs_do_not_hold_hits_nobody_and_is_said(tmp_path, capsys, field):
    logs = lines(tmp_path)
    found = told(tmp_path, capsys, f"{field}<=0.5", *logs)
    assert (found["hits"], list(found["silent"]), found["principals"]) == ([], [field], 10)
    command(tmp_path, f"{field}<=0.5", *logs)
    said = capsys.readouterr().out
    assert "Not computed, because the log lacks what they need:" in said and field in said


def test_the_promise_accuses_nobody_of_what_the_logs_do_not_hold(struck, tmp_path, capsys):
    found = told(struck, capsys, "promise", *lines(tmp_path, 3000))
    assert {"unique", "boundary", "confidence"} <= set(found["silent"]) and "volume" not in found["silent"]
    assert found["hits"] == []


def test_what_was_met_in_the_logs_is_counted_and_the_time_is_that_of_the_first_request(tmp_path, capsys):
    logs = lines(tmp_path)
    found = told(tmp_path, capsys, "rows>=16", *logs)
    assert (found["lines"], found["bad"], found["first_s"], len(found["hits"])) == (601, 1, 1.7e9, 10)
    command(tmp_path, "rows>=16", *logs)
    said = capsys.readouterr().out
    assert "601 lines of the logs, 1 malformed" in said and "2023-11-14 22:13 to" in said


def test_logs_without_a_request_are_an_error(tmp_path):
    (tmp_path / "empty.log").write_text("")
    with pytest.raises(ConfigError, match="expected requests in the logs, got none"):
        command(tmp_path, "rows>=16", "--logs", str(tmp_path / "empty.log"))
    (tmp_path / "odd.log").write_text("what is this\n")
    with pytest.raises(ConfigError, match="got 1 line of which none can be read"):
        command(tmp_path, "rows>=16", "--logs", str(tmp_path / "odd.log"), "--format", "json")


def test_of_logs_256_rows_are_folded_at_once(tmp_path, capsys):
    logs = lines(tmp_path, 3000, who="one")
    found = told(tmp_path, capsys, "rows>=16", *logs)
    assert [(h["principal"], h["rows"]) for h in found["hits"]] == [("one", 256)]


def test_a_detector_that_knows_nobody_is_not_computed_on_our_own_log_either(place, capsys):
    found = told(place, capsys, "cohort>=1")
    assert (found["hits"], found["silent"]) == ([], {"cohort": "needs `wellhead principals import`"})
    command(place, "cohort>=1")
    assert "needs `wellhead principals import`: cohort" in capsys.readouterr().out
    assert told(place, capsys, "rows>=16")["silent"] == {}


def test_a_share_that_was_written_as_a_percentage_is_shown_what_was_seen(place, capsys):
    assert command(place, "unique_ratio>=95") == 0
    assert "`unique_ratio>=95` held of nobody: the values seen lie in " in capsys.readouterr().out


def test_no_number_of_rows_is_negative(place):
    with pytest.raises(SystemExit):
        command(place, "rows>=16", "--top", "-1")


def test_a_damaged_file_among_the_logs_is_named(tmp_path, capsys):
    logs = lines(tmp_path)
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    assert command(tmp_path, "rows>=16", "--logs", str(tmp_path / "bad.parquet"), *logs[1:]) == 2
    said = capsys.readouterr()
    assert "Would have hit 10 principals" in said.out and "bad.parquet" in said.err


def test_no_name_is_obeyed_by_the_terminal(tmp_path, capsys):
    logs = lines(tmp_path, who="x\x1b[31m\u202e")
    command(tmp_path, "rows>=16", *logs)
    said = capsys.readouterr().out
    assert "x\\x1b[31m\\u202e" in said and "\x1b" not in said and "\u202e" not in said
