import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from wellhead.config import parse
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance
from wellhead.gate.cases import GRADE, Cases
from wellhead.gate.grading import Grading, next_drawn, strongest
from wellhead.gate.policy import Graded, compile_policy
from wellhead.meter.reading import Reading

NOW = 1_800_000_000.0
TWO = (
    '[stances.watch]\nanswers = ["label_only"]\n[[grades]]\nstance = "watch"\ndrawn = 0.3\nfor_s = 100\n'
    '[[grades]]\nstance = "throttle"\ndrawn = 0.6\np = 0.01\nfor_s = 50\n'
)
shares = st.sampled_from([-1.0, 0.0, 0.1, 0.2, 0.3, 0.5, 1.0])
limits = st.one_of(st.none(), st.sampled_from([0.1, 0.2, 0.3, 0.5]))
graded = st.lists(st.builds(Graded, st.sampled_from(Stance), limits, limits, st.sampled_from([1.0, 2.0])), max_size=4)


def grading(toml=TWO, mode="enforce"):
    return Grading(Cases(compile_policy(parse(f'mode = "{mode}"\n{toml}'))))


def reading(drawn, rows=100):
    return Reading(rows=rows, replication=drawn, attainable=1.0, floor=0.0, bits=9.0, by="scores", within=drawn)


def given_to(actions):
    return {a.decision.principal: Stance(a.decision.stance) for a in actions}


@given(graded, shares, shares)
def test_the_strongest_that_holds_is_taken(grades, drawn, p):
    found = strongest(grades, drawn, p)
    holding = []
    for g in grades:
        if g.drawn is not None and drawn >= g.drawn:
            holding.append(g)
        if g.p is not None and p != -1.0 and p <= g.p:
            holding.append(g)
    assert (found is None) == (not holding)
    assert found is None or all((g.stance, g.for_s) <= (found.stance, found.for_s) for g in holding)


@given(graded, shares)
def test_nothing_happens_before_the_next_share_drawn(grades, drawn):
    ahead = next_drawn(grades, drawn)
    assert ahead > drawn
    some = [g.drawn for g in grades if g.drawn is not None and g.drawn > drawn]
    assert ahead == (min(some) if some else math.inf)


def test_a_grade_is_a_decision_with_reason_and_end():
    (action,) = grading().read(("ann",), reading(0.4), "", NOW)
    d = action.decision
    assert (d.principal, d.origin, d.stance, d.subjects) == ("ann", GRADE, Stance.WATCH, ("ann",))
    assert (d.start_us, d.expires_us) == (int(NOW * 1e6), int((NOW + 100) * 1e6))
    assert "40.0 % of what can be drawn, in 100 answers" in d.reason
    assert "watch for 100 s from 30.0 % drawn" in d.reason


def test_below_every_grade_nothing_is_decided():
    assert grading().read(("ann",), reading(0.29), "", NOW) == []
    assert grading().look([("ann", 0.011), ("bob", -1.0)], NOW) == []


def test_a_grade_escalates_and_never_falls_back_while_it_holds():
    g = grading()
    assert given_to(g.read(("ann",), reading(0.4), "", NOW)) == {"ann": Stance.WATCH}
    assert given_to(g.read(("ann",), reading(0.7), "", NOW + 1)) == {"ann": Stance.THROTTLE}
    assert g.read(("ann",), reading(0.4), "", NOW + 2) == []
    assert given_to(g.read(("ann",), reading(0.4), "", NOW + 52)) == {"ann": Stance.WATCH}


def test_one_who_is_unlike_the_honest_is_graded_whatever_was_drawn():
    (action,) = grading().look([("ann", 0.005)], NOW)
    assert "p = 1/200 among those like it; throttle for 50 s from p = 1/100" in action.decision.reason


def test_a_grade_is_renewed_from_half_its_time_on():
    g = grading()
    g.read(("ann",), reading(0.4), "", NOW)
    assert g.due(NOW + 49) == () and g.read(("ann",), reading(0.4), "", NOW + 49) == []
    assert g.due(NOW + 50) == ("ann",) and g.due(NOW + 50) == ()
    (action,) = g.read(("ann",), reading(0.4), "", NOW + 50)
    assert action.decision.expires_us == int((NOW + 150) * 1e6)
    assert g.due(NOW + 99) == () and g.due(NOW + 100) == ("ann",)


def test_what_an_operator_lifted_stays_lifted_for_its_time_but_escalates():
    g = grading()
    (action,) = g.read(("ann",), reading(0.4), "", NOW)
    g._cases.lift(action.decision.uid)
    assert g.read(("ann",), reading(0.4), "", NOW + 60) == []
    assert given_to(g.read(("ann",), reading(0.4), "", NOW + 100)) == {"ann": Stance.WATCH}
    assert given_to(g.read(("ann",), reading(0.7), "", NOW + 101)) == {"ann": Stance.THROTTLE}


def test_all_members_of_a_group_are_graded_but_the_allowed():
    g = grading(TWO + '[valve]\nallow = ["partner"]\n')
    actions = g.read(("a", "b", "partner"), reading(0.4), "shared agent x", NOW)
    assert given_to(actions) == {"a": Stance.WATCH, "b": Stance.WATCH}
    assert all("3 principals together (shared agent x) drew" in a.decision.reason for a in actions)
    assert actions[0].decision.subjects == ("a", "b", "partner")
    assert g.look([("partner", 1e-6)], NOW) == []


def test_another_run_takes_up_what_was_decided():
    first, second = grading(), grading()
    decisions = [a.decision for a in first.read(("ann",), reading(0.4), "", NOW)]
    for d in decisions:
        second._cases.restore(d)
        second.restore(d)
    assert second._cases.closed == {}
    assert second.read(("ann",), reading(0.4), "", NOW + 10) == []
    assert second.due(NOW + 50) == ("ann",)
    assert second.read(("ann",), reading(0.4), "", NOW + 50) != []


def test_observe_mode_only_notes_and_what_it_noted_does_not_hold_in_enforce_mode():
    (action,) = grading(mode="observe").read(("ann",), reading(0.4), "", NOW)
    assert action.decision.simulated
    later = grading()
    later.restore(action.decision)
    assert given_to(later.read(("ann",), reading(0.4), "", NOW + 1)) == {"ann": Stance.WATCH}


@pytest.mark.parametrize(
    ("extra", "exposure"), [("", Exposure.LABEL), ('[stances.reduce]\nanswers = ["top_k:2"]\n', Exposure.VALUE)]
)
def test_to_reduce_is_to_labels_unless_the_config_says_how(extra, exposure):
    g = grading(extra + '[[grades]]\nstance = "reduce"\ndrawn = 0.3\n')
    (action,) = g.read(("ann",), reading(0.4), "", NOW)
    assert Exposure(action.decision.exposure) is exposure


def test_a_grade_that_throttles_holds_and_still_lets_the_valve_speak():
    g = grading()
    g.read(("ann",), reading(0.7), "", NOW)
    assert g._cases.held(NOW + 1) == {"ann"}
    assert g._cases.open_of(["ann"], NOW + 1) == ("ann",)
