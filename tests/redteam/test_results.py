import msgspec
import numpy as np

from wellhead.redteam.attack import Inversion, Membership, Result
from wellhead.redteam.budget import Spent
from wellhead.redteam.catalogue import Entry
from wellhead.redteam.ground import Ground
from wellhead.redteam.known import Known
from wellhead.redteam.outcome import Mark, Probed
from wellhead.redteam.results import Truth, brought, charged, corrected, drifted, idle, in_queries, outcome_of, versions
from wellhead.redteam.run import Round

GROUND = Ground(Known(shape=(4,)), Probed(exposure="label"), type("J", (), {"truth": None})(), -1.0, [])


def test_what_it_cost_is_the_difference():
    found = charged(
        idle("a", "ok", ""), 7, Spent(calls=2, retries=1), Spent(calls=5, retries=3, seconds=2.0, money=4.0)
    )
    assert (found.rows, found.calls, found.retries, found.seconds, found.money) == (7, 3, 2, 2.0, 4.0)


def test_marks_in_queries_that_left():
    marks = tuple(Mark(rows=n, fidelity=0.5, low=0, high=1) for n in (50, 100))
    outcome = idle("a", "ok", "")
    assert in_queries(outcome, 300) is outcome
    found = in_queries(
        type(outcome)(**{**{f: getattr(outcome, f) for f in outcome.__struct_fields__}, "marks": marks}), 300
    )
    assert [m.rows for m in found.marks] == [150, 300]


def test_membership_needs_both_kinds_answered():
    members = np.arange(40) < 20
    scores = np.where(members, 1.0, 0.0)
    assert brought(Membership(scores=scores), GROUND, Truth(members=members), 0)["leak"].auc == 1.0
    scores[20:] = np.nan
    assert brought(Membership(scores=scores), GROUND, Truth(members=members), 0) == {}


def test_a_few_scored_candidates_tell_no_rate():
    members = np.arange(1400) < 700
    scores = np.full(1400, np.nan)
    scores[[1, 2, 900, 901]] = [1, 1, 0, 0]
    entry = Entry("boundary", type("B", (), {}), "membership")
    last = Round(
        number=1, asked=1, answered=1, spent=Spent(), accounts={}, state="ok", result=Membership(scores=scores)
    )
    found = outcome_of(entry, last, GROUND, Truth(members=members), 0)
    assert (found.state, found.leak) == ("unsupported", None)
    assert found.reason == "only 2 members and 2 non-members were scored, too few to tell a rate"
    scores[::20] = 1.0
    assert brought(Membership(scores=scores), GROUND, Truth(members=members), 0)["leak"].members == 37


def test_inversions_are_named():
    made = Inversion(inputs=np.ones((2, 4), np.float32), classes=np.array([0, 1]), confidence=np.array([0.9, np.nan]))
    found = brought(made, GROUND, Truth(classes=("cat", "dog")), 0)["likenesses"]
    assert [(x.name, x.confidence) for x in found] == [("cat", 0.9), ("dog", -1.0)]
    assert brought(Result(), GROUND, Truth(), 0) == {} and brought(None, GROUND, Truth(), 0) == {}


def test_drift_is_said_and_no_drift_is_not():
    rng = np.random.default_rng(0)
    same = rng.normal(size=(200, 3)).astype(np.float32)
    members = np.arange(200) < 100
    assert drifted(same, members, 0) == (0.5, "")
    area, warning = drifted(same + 3 * members[:, None], members, 0)
    assert "drift, not leakage" in warning and area > 0.9
    assert drifted(same, members, 0, members.astype(int))[0] > 0.9
    assert drifted(same[:4], members[:4], 0) == (0.5, "")


def test_each_leak_knows_how_many_were_tried_and_what_the_data_gave_away():
    from wellhead.redteam.membership.leak import leak

    found = leak(np.arange(8.0), np.arange(8) > 3)
    one = msgspec.structs.replace(idle("a", "ok", ""), leak=found)
    outcomes = corrected([one, idle("b", "ok", ""), msgspec.structs.replace(one, guarded=one)], 0.6)
    assert [o.leak and (o.leak.attacks, o.leak.drift) for o in outcomes] == [(2, 0.6), None, (2, 0.6)]
    assert outcomes[2].guarded.leak.attacks == 2


def test_versions_name_what_figures_depend_on():
    assert {"python", "numpy"} <= set(versions())
