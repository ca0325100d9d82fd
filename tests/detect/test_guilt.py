import math

import msgspec
import numpy as np
import pytest
from looking import BUDGET, Named, honest, looks

from wellhead.detect.calibrate import calibrate
from wellhead.detect.guilt import Guilt, evidence
from wellhead.detect.looks import joined
from wellhead.detect.yardstick import suprema


class Saying(Named):
    """Says each detector's value."""

    def said(self, index, side, value, rows):
        return f"{self.names[index]} {'high' if side > 0 else 'low'} at {value:g}"

    def shown(self, index, value, rows):
        return f"{value:.1f}"


@pytest.fixture(scope="module")
def promise():
    return calibrate(honest(1500, np.random.default_rng(0), 3), None, BUDGET, Named)


THIEF = [30.0, -30.0, 0.0, 0.0]


def test_alarms_are_those_whose_supremum_passes_the_threshold_once_each(promise):
    seen = joined([honest(500, np.random.default_rng(1), 3), looks([THIEF] * 3, 3, prefix="thief")])
    guilt = Guilt(promise)
    alarms = guilt.fold(seen)
    scores = suprema(promise.score(seen.values, seen.rows), seen.principal)
    above = {seen.names[i] for i in np.flatnonzero(scores > promise.threshold("everybody"))}
    assert {a.principal for a in alarms} == above == set(guilt.alarmed)
    assert len(alarms) == len(above)
    assert guilt.started == {"everybody": 501}
    assert guilt.running["thief0"].score == pytest.approx(scores[-1])


def test_folding_look_by_look_finds_the_same(promise):
    seen = joined([honest(60, np.random.default_rng(2), 3), looks([THIEF] * 3, 3, prefix="thief")])
    whole, parts = Guilt(promise), Guilt(promise)
    at_once = whole.fold(seen)
    one_by_one = []
    for i in range(len(seen)):
        columns = {
            f: getattr(seen, f)[i : i + 1] for f in ("principal", "rows", "period", "values", "segments", "time_s")
        }
        one_by_one += parts.fold(msgspec.structs.replace(seen, **columns))
    assert [(a.principal, a.rows, a.score) for a in one_by_one] == [(a.principal, a.rows, a.score) for a in at_once]
    assert parts.running == whole.running


def test_says_how_sure_and_under_which_promise(promise):
    (alarm,) = Guilt(promise).fold(looks([THIEF], prefix="thief"))
    assert alarm.threshold == promise.threshold("everybody") < alarm.score
    assert alarm.p == pytest.approx(1 / (promise.scores["everybody"].size + 1))
    assert alarm.sure.startswith("at most 1 in 100 honest principals of `everybody` ever score so high in a period")


def test_nobody_alarms_where_nothing_is_promised(promise):
    guilt = Guilt(promise)
    assert guilt.fold(looks([THIEF] * 2, segments=["new", "other"])) == []
    assert guilt.started == {"new": 1, "other": 1}
    assert guilt.running["p0"].score > promise.threshold("everybody")
    assert math.isinf(promise.threshold("new"))


def test_a_new_period_starts_with_a_clean_sheet(promise):
    guilt = Guilt(promise)
    assert len(guilt.fold(looks([THIEF], period=0))) == 1
    assert guilt.fold(looks([THIEF], period=0)) == []
    assert len(guilt.fold(looks([THIEF], period=1))) == 1
    assert guilt.started == {"everybody": 2}


def test_those_who_are_there_already_are_counted_once(promise):
    guilt = Guilt(promise)
    guilt.begin(3, {"p0": "everybody", "quiet": "everybody"})
    assert (guilt.started, guilt.running["quiet"].score) == ({"everybody": 2}, -math.inf)
    (alarm,) = guilt.fold(looks([THIEF], period=3))
    assert (alarm.principal, guilt.started) == ("p0", {"everybody": 2})


def test_what_was_before_the_promise_is_judged_and_not_counted(promise):
    guilt = Guilt(promise, since=2)
    found = [a.period for p in range(4) for a in guilt.fold(looks([THIEF, [0.0] * 4], period=p))]
    assert found == [0, 1, 2, 3]
    assert guilt.started == {"everybody": 4}
    assert guilt.alarms == {("p0", 2): "everybody", ("p0", 3): "everybody"}


def test_a_segment_holds_for_the_period(promise):
    guilt = Guilt(promise)
    guilt.fold(looks([[0.0] * 4]))
    (alarm,) = guilt.fold(looks([THIEF], segments=["new"]))
    assert alarm.segment == "everybody"


def test_evidence_is_strongest_first_with_the_honest_range_beside_it(promise):
    found = evidence(promise, Saying(), np.array([5.0, 0.0, -40.0, np.nan]), 16)
    assert [e.name for e in found][:2] == ["c", "a"]
    assert (found[0].said, found[0].kind, found[0].value) == ("c low at -40", "y", "-40.0")
    low, high = promise.honest("c", 16)
    assert (found[0].low, found[0].high) == (f"{low:.1f}", f"{high:.1f}")
    assert "d" not in {e.name for e in found}
