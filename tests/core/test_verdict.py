import msgspec
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Decision, Stance, Verdict


def decision(**fields):
    given = {
        "uid": "u",
        "principal": "ann",
        "stance": 5,
        "reason": "r",
        "origin": "o",
        "start_us": 10,
        "expires_us": 20,
    }
    return Decision(**(given | fields))


@given(now=st.integers(0, 30), start=st.integers(0, 30), end=st.integers(0, 30))
def test_a_decision_holds_from_its_start_until_just_before_its_end(now, start, end):
    assert decision(start_us=start, expires_us=end).in_force(now) == (now in range(start, end))


@given(now=st.integers(0, 30))
def test_a_lifted_or_simulated_decision_never_holds(now):
    assert not decision(lifted=1).in_force(now)
    assert not decision(simulated=1).in_force(now)


def test_stances_grow_harsher():
    assert [s.name for s in sorted(Stance)][:3] == ["ALLOW", "WATCH", "REDUCE"]
    assert max(Stance) is Stance.REVOKE
    assert [int(s) for s in Stance] == list(range(9))


def test_a_verdict_passes_unless_it_has_a_status():
    assert Verdict(Stance.REDUCE, Exposure.LABEL).passes
    assert not Verdict(Stance.THROTTLE, Exposure.NONE, status=429).passes


def test_a_decision_gives_away_nothing_less_unless_it_says_so():
    assert Exposure(decision().exposure) is max(Exposure)
    assert msgspec.to_builtins(decision())["kind"] == "decision"
