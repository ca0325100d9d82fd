import math

import msgspec
import pytest

from wellhead.config import Exposed
from wellhead.core.errors import ConfigError
from wellhead.redteam.advice import (
    Terms,
    advise,
    best_policy,
    candidates,
    checked,
    drawn_at,
    effort,
    from_study,
    labels,
    missing,
    quota_for,
    served,
)
from wellhead.redteam.goal import COST, DAYS, FIDELITY, Goal
from wellhead.redteam.outcome import Mark, Outcome, Prices, Study
from wellhead.redteam.validation import OWN, UNDEFENDED, Notice, Point, Taken, Tried, Validation
from wellhead.redteam.worth import Rows


def policy(name, *heights, l1=0.5, **notice):
    points = [(n, h) for n, h in zip((100, 1000, 10_000), heights, strict=False)]
    curve = tuple(Point(inputs=n, rows=n, fidelity=h, low=h, high=h) for n, h in points)
    told = {"answered": 50, "kept": 50, "l1_mean": l1} | notice
    return Tried(
        policy=name,
        answers=() if name in (UNDEFENDED, OWN) else (name,),
        takings=(Taken(thief="soft", curve=curve),),
        notice=Notice(**told),
    )


STUDY = Validation(
    target="t",
    chance=0.1,
    tried=(
        policy(UNDEFENDED, 0.8, 0.95, 0.99, l1=0.0),
        policy("round:2", 0.8, 0.94, 0.99, l1=0.1),
        policy("label_only", 0.6, 0.8, 0.95, l1=0.9),
        policy("mad_argmax", 0.1, 0.1, 0.1, kept=3),
        policy("buckets", 0.1, 0.1, 0.1, refused=7),
        policy(OWN, 0.1, 0.1, 0.1),
    ),
)
FREE = Terms(honest_rows=1)
LIKE = (("round:2", 0.1), ("label_only", 0.9))


def test_only_whole_policies_are_proposed_and_the_dearest_to_the_thief_wins():
    assert [t.policy for t in candidates(STUDY)] == [UNDEFENDED, "round:2", "label_only"]
    assert best_policy(STUDY, 0.9, FREE).policy == "label_only"
    with pytest.raises(ConfigError, match="best class"):
        best_policy(Validation(target="t", tried=(policy("buckets", 0.1, kept=3),)), 0.9, FREE)


def test_what_a_defence_declares_counts_not_that_no_class_happened_to_change():
    study = msgspec.structs.replace(STUDY, tried=(*STUDY.tried, policy("mad:1", 0.1, 0.1, 0.1), policy("gone", 0.1)))
    assert best_policy(study, 0.9, FREE).policy == "label_only"
    accepts = msgspec.structs.replace(FREE, flip_labels=True)
    assert best_policy(study, 0.9, accepts).policy == "mad:1"
    assert "modelguard_s" in [
        t.policy for t in candidates(Validation(target="t", tried=(policy("modelguard_s", 0.1),)))
    ]


def test_of_equals_the_one_that_moves_answers_least_wins():
    assert best_policy(STUDY, 0.75, FREE).policy == "label_only"
    alike = msgspec.structs.replace(STUDY, tried=STUDY.tried[:2])
    assert best_policy(alike, 0.9, FREE).policy == UNDEFENDED


@pytest.mark.parametrize(
    ("exposed", "policy", "answers"),
    [
        (Exposed(), "label_only", ("label_only",)),
        (Exposed(answers=("round:2",)), "label_only", ("label_only",)),
        (Exposed(answers=("label_only",)), "label_only", None),
        (Exposed(exposure="label"), "label_only", None),
        (Exposed(answers=("top_k:5",)), "label_only", ("label_only",)),
    ],
)
def test_nothing_is_proposed_that_tells_more(exposed, policy, answers):
    assert advise(STUDY, Goal(FIDELITY, 0.9), FREE, exposed)[:2] == (STUDY.find(policy), answers)


def test_answers_stay_where_others_are_no_better_or_nobody_knows():
    few = msgspec.structs.replace(STUDY, tried=STUDY.tried[:2])  # labels were not tried
    kept = advise(few, Goal(FIDELITY, 0.9), FREE, Exposed(answers=("round:2",)))
    assert (kept.policy.policy, kept.answers) == ("round:2", None)
    unknown = advise(few, Goal(FIDELITY, 0.9), FREE, Exposed(answers=("top_k:5",)))
    assert (unknown.policy.policy, unknown.answers) == (UNDEFENDED, None)
    alike = msgspec.structs.replace(STUDY, tried=(*STUDY.tried[:1], *(policy(n, 0.5, l1=m) for n, m in LIKE)))
    assert advise(alike, Goal(FIDELITY, 0.9), FREE).answers == ("round:2",)
    assert advise(alike, Goal(FIDELITY, 0.9), FREE, Exposed(answers=("top_k:5",))).answers == ("label_only",)
    better = policy("buckets", 0.5, 0.6, 0.7)
    least = msgspec.structs.replace(STUDY, tried=(*STUDY.tried[:3], better))
    strict = advise(least, Goal(FIDELITY, 0.99), FREE, Exposed(answers=("label_only",)))
    assert (strict.policy.policy, strict.answers) == ("label_only", None)


def test_what_is_served_is_looked_up_by_its_answers():
    assert served(STUDY, Exposed()).policy == UNDEFENDED
    assert served(STUDY, Exposed(answers=("round:2",))).policy == "round:2"
    assert served(STUDY, Exposed(exposure="label", answers=("round:2",))).policy == "label_only"
    assert served(STUDY, Exposed(answers=("round:9",))) is None


def test_labels_leave_by_word_or_by_defence():
    assert labels(Exposed(exposure="label")) and labels(Exposed(answers=("label_only",)))
    assert not labels(Exposed()) and not labels(Exposed(answers=("round:2",)))


def test_a_defence_that_waits_says_for_what():
    assert missing(("modelguard_s", "round:2")) == "codebook" and missing(("noise", "round:2")) == ""
    assert candidates(Validation(target="t", tried=(policy("mark", 0.1),))) == []


@pytest.mark.parametrize(
    ("rows", "goal", "terms", "quota", "reached"),
    [
        (Rows("p", 10_000), Goal(FIDELITY, 0.9), FREE, 322, True),
        (Rows("p", 10_000, 20_000), Goal(FIDELITY, 0.9), FREE, 322, True),
        (Rows("p", 10_000), Goal(DAYS, 90.0), FREE, 109, True),
        (Rows("p", 10_000), Goal(DAYS, 2.0), FREE, 322, True),
        (Rows("p", 10_000), Goal(FIDELITY, 0.9), Terms(honest_rows=400), 400, False),
        (Rows("p", 0, 10_000), Goal(FIDELITY, 0.9), FREE, 1, False),
        (Rows("p", 3), Goal(FIDELITY, 0.9), FREE, 1, False),
        (Rows("p", 10_000), Goal(COST, 100.0), Terms(honest_rows=1, prices=Prices(account=10.0)), 32, True),
        (Rows("p", 0, 9), Goal(COST, 1.0), Terms(honest_rows=1, prices=Prices(account=10.0)), 1, False),
    ],
)
def test_quotas(rows, goal, terms, quota, reached):
    assert quota_for(rows, goal, terms) == quota
    assert effort(rows, quota, goal, terms).reached is reached


@pytest.mark.parametrize("number", [50, 999, 10_000, 12_345])
@pytest.mark.parametrize("days", [1.5, 30.0, 45.0, 365.0])
def test_no_quota_that_reaches_it_is_used_up_in_any_hours_of_those_days(number, days):
    goal, rows = Goal(DAYS, days), Rows("p", number)
    found = effort(rows, quota_for(rows, goal, FREE), goal, FREE)
    touched = math.ceil(max(days, FREE.window_days)) + 1  # from just before one midnight
    assert found.spell == touched and found.reached == (found.rows_per_day * touched < number)
    assert effort(rows, found.rows_per_day + 1, goal, FREE).reached is False


def test_no_limit_reaches_nothing_but_a_price():
    assert not effort(Rows("p", 900), 0, Goal(DAYS, 3.0), FREE).reached
    dear = effort(Rows("p", 900), 0, Goal(COST, 800.0), Terms(prices=Prices(row=1.0)))
    assert dear.reached and (dear.accounts, dear.days, dear.cost) == (1, 0, 900.0)


def test_a_cost_is_reached_by_accounts_or_said_to_be_out_of_reach():
    terms = Terms(honest_rows=10, prices=Prices(row=0.01, account=20.0))
    rows = Rows("p", 10_000)
    near = effort(rows, quota_for(rows, Goal(COST, 200.0), terms), Goal(COST, 200.0), terms)
    assert near.reached and near.cost > 200 and near.accounts >= 5 and near.rows_per_day >= 10
    far = effort(rows, quota_for(rows, Goal(COST, 2e6), terms), Goal(COST, 2e6), terms)
    assert not far.reached and far.rows_per_day == 10 and far.accounts == 33 and far.days == 1000
    assert far.cost == pytest.approx(10_000 * 0.01 + 33 * 20)
    assert 10_000 * far.price + 33 * 20 == pytest.approx(2e6)
    assert 10_000 * 0.01 + 33 * far.deposit == pytest.approx(2e6)


def test_a_harder_goal_is_never_safer():
    goals = [Goal(FIDELITY, f) for f in (0.5, 0.7, 0.9)]
    rows = [advise(STUDY, goal, FREE, Exposed(exposure="label")).rows for goal in goals]
    assert [quota_for(r, goal, FREE) for r, goal in zip(rows, goals, strict=True)] == [1, 3, 32]


def test_a_study_that_cannot_be_right_is_refused():
    with pytest.raises(ConfigError, match="version 1, got 99"):
        checked(Validation(target="t", v=99))
    nothing = Point(inputs=0, rows=0, fidelity=0.9, low=0.9, high=0.9)
    with pytest.raises(ConfigError, match="1 row, got 0"):
        checked(Validation(target="t", tried=(Tried(policy="p", takings=(Taken(thief="a", curve=(nothing,)),)),)))
    with pytest.raises(ConfigError, match="undefended"):
        advise(Validation(target="t"), Goal(FIDELITY, 0.9), Terms(regressor=True))
    assert checked(STUDY) is STUDY


def test_of_a_regressor_the_limits_alone_are_advised():
    found = advise(STUDY, Goal(FIDELITY, 0.97), msgspec.structs.replace(FREE, regressor=True))
    assert (found.policy.policy, found.answers, found.rows) == (UNDEFENDED, None, Rows(UNDEFENDED, 1000, 10_000))


def test_drawn_is_the_share_of_the_way():
    assert drawn_at(STUDY, 0.9) == pytest.approx((0.9 - 0.1) / 0.89, abs=0.01)
    assert drawn_at(STUDY, 0.999) == 1.0 and drawn_at(STUDY, 0.01) == 0.05


def test_a_study_of_attacks_is_the_undefended_row():
    marks = (Mark(rows=100, fidelity=0.7, low=0.6, high=0.8), Mark(rows=500, fidelity=0.9, low=0.8, high=1.0))
    attack = Outcome(attack="random", room="extract", paper="", atlas=(), state="ok", marks=marks)
    through = msgspec.structs.replace(attack, guarded=attack)
    found = from_study(Study(target="t", time_us=0, seed=0, judges=100, chance=0.1, outcomes=(through,)))
    assert [t.policy for t in found.tried] == [UNDEFENDED, OWN] and found.tried[0].best.end.rows == 500
    assert advise(found, Goal(FIDELITY, 0.85), FREE).policy.policy == UNDEFENDED


@pytest.mark.parametrize(("bent", "chosen"), [(0.2, "noise"), (0.4, "buckets")])
def test_what_is_left_out_is_preferred_to_what_is_bent_about_as_far(bent, chosen):
    tried = (
        policy(UNDEFENDED, 0.8, 0.95, 0.99, l1=0.0),
        policy("buckets", 0.6, 0.7, 0.8, l1=0.5),
        policy("noise", 0.6, 0.7, 0.8, l1=bent),
    )
    assert best_policy(Validation(target="t", tried=tried), 0.9, FREE).policy == chosen
