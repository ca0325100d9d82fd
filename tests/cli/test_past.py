import numpy as np
import pytest
from bygone import BEGAN, DAY, event, traffic, write_log

from wellhead.cli.past import folded, survey_of
from wellhead.core.codec import pack
from wellhead.core.errors import ConfigError
from wellhead.core.event import Coded
from wellhead.core.finding import Finding, Review
from wellhead.detect.looks import Looking, joined
from wellhead.meter.sketch import Sketches


class Reads:
    """One plain number, and what was folded."""

    names = ("rows",)

    def read(self, seen):
        return np.asarray(seen.rows, np.float64)[:, None]


def found(uid, member, signal="guilt"):
    return Finding(
        uid=uid, time_us=0, title="t", signal=signal, members=(member,), rows=1, replication_ppm=-1, attainable_ppm=-1,
        bits_milli=-1, detail="d",
    )  # fmt: skip


def test_a_log_is_surveyed(tmp_path):
    records = [
        *traffic(5, 2.0),
        event(900, "drill", BEGAN + DAY, drill="d1"),
        found("F-1", "p1"), found("F-2", "p2"), found("F-3", "p3"), found("F-4", "p4", "drift"),
        found("F-5", "taker", "replication"), found("F-6", "member", "campaign"),
        Review(finding="F-5", time_us=0, verdict="theft"), Review(finding="F-6", time_us=0, verdict="theft"),
        Review(finding="F-4", time_us=0, verdict="theft"),
        Review(finding="F-1", time_us=0, verdict="theft"), Review(finding="F-2", time_us=0, verdict="honest"),
        Coded(request="r000000", part=0, profile="f", codes=""),
    ]  # fmt: skip
    write_log(tmp_path, records, 2.0)
    survey = survey_of(tmp_path / "log")
    assert (survey.first_s, survey.last_s, survey.principals) == (BEGAN, BEGAN + 2 * DAY, 5)
    assert (survey.thieves, survey.accused, survey.drills) == ({"p1", "taker", "member"}, {"p3"}, {"drill"})
    assert list(survey.coded) == [("r000000", 0)]


def test_one_clock_that_ran_ahead_makes_the_log_no_longer(tmp_path):
    records = [*traffic(3, 1.0), event(900, "p1", BEGAN + 300 * DAY), event(901, "p2", BEGAN + 1.5 * DAY)]
    write_log(tmp_path, records, 2.0)
    assert survey_of(tmp_path / "log").last_s == BEGAN + 2 * DAY


def test_a_log_without_events_is_no_past(tmp_path):
    write_log(tmp_path, [], 2.0)
    with pytest.raises(ConfigError, match="expected events in the log"):
        survey_of(tmp_path / "log")


def looked(tmp_path, records, days, period_days=1.0, profile=None):
    write_log(tmp_path, records, days)
    survey = survey_of(tmp_path / "log")
    looking = Looking(Reads(), Sketches(), period_days, origin_s=survey.first_s)
    return joined(folded(tmp_path / "log", looking, profile, survey)), looking


def test_folds_period_by_period_and_leaves_drills_and_refusals_out(tmp_path):
    refused = event(800, "refused", BEGAN + DAY / 2, status=429, given=0)
    drill = event(801, "drill", BEGAN + DAY / 2, drill="d1")
    records = sorted([*traffic(40, 2.0, requests=20), refused, drill], key=lambda e: e.time_us)
    seen, looking = looked(tmp_path, records, 2.0)
    assert set(seen.names) == {f"p{i}" for i in range(40)}
    assert set(seen.period.tolist()) == {0, 1}
    assert looking.before is not None
    assert sum(looking.before.values()) + sum(looking.rows.values()) == 40 * 20 * 16
    assert looking.segment_of[seen.names[-1]] == "use=none band=<1k"


class Profile:
    """As far as folding needs one."""

    id = "now"


def test_codes_of_another_profile_are_left_out_and_late_ones_joined(tmp_path):
    codes = pack(np.ones((16, 4), np.int8))
    records = [
        event(0, "a", BEGAN + 1, codes=pack(np.ones((16, 9), np.int8)), profile="old"),
        event(1, "a", BEGAN + 2, codes=codes, profile="now"),
        event(2, "a", BEGAN + 3),
        Coded(request="r000002", part=0, profile="now", codes=codes),
    ]
    seen, looking = looked(tmp_path, records, 1.0, profile=Profile())
    assert (seen.rows.tolist(), looking.rows) == ([16, 32], {"a": 48})


def test_a_burst_is_looked_at_as_often_as_in_a_quiet_gate(tmp_path, monkeypatch):
    burst = [event(5000 + i, "burst", BEGAN + DAY / 2 + i, rows=5) for i in range(200)]
    wide = [event(7000, "wide", BEGAN + DAY / 2, rows=64, part=part) for part in range(4)]
    records = sorted([*traffic(30, 1.9), *burst, *wide], key=lambda e: e.time_us)
    table = []
    for at_once in (256, 1):
        monkeypatch.setattr("wellhead.detect.parts.AT_ONCE", at_once)
        (tmp_path / str(at_once)).mkdir()
        seen, _ = looked(tmp_path / str(at_once), records, 2.0)
        looks = zip(seen.principal.tolist(), seen.period.tolist(), seen.rows.tolist(), strict=True)
        table.append({(seen.names[p], q, r) for p, q, r in looks if r >= 16})
    assert table[0] <= table[1]
    # looks in busy minutes and hours alone may be fewer
    assert {name for name, _, _ in table[1] - table[0]} <= {"burst"}
    assert {r for name, _, r in table[0] if name == "burst"} >= {20, 35, 65, 130, 260, 515}
    # one request is one look, however many events it was stored as
    assert [r for name, _, r in table[0] if name == "wide"] == [256]
