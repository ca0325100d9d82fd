import msgspec
import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.advice import (
    Rows,
    Terms,
    advise,
    best_policy,
    candidates,
    drawn_at,
    from_study,
    quota_for,
    rows_to,
)
from wellhead.redteam.goal import COST, DAYS, FIDELITY, Goal
from wellhead.redteam.outcome import Mark, Outcome, Prices, Study
from wellhead.redteam.validation import OWN, UNDEFENDED, Notice, Point, Taken, Tried, Validation


def policy(name, *heights, l1=0.5, **notice):
    points = [(n, h) for n, h in zip((100, 1000, 10_000), heights, strict=False)]
    curve = tuple(Point(inputs=n, rows=n, fidelity=h, low=h, high=h) for n, h in points)
    told = {"answered": 50, "kept": 50, "l1_mean": l1} | notice
    return Tried(policy=name, answers=(name,), takings=(Taken(thief="soft", curve=curve),), notice=Notice(**told))


STUDY = Validation(
    target="t",
    chance=0.1,
    tried=(
        policy(UNDEFENDED, 0.8, 0.95, 0.99, l1=0.0),
        policy("round:2", 0.8, 0.94, 0.99, l1=0.1),
        policy("label_only", 0.6, 0.8, 0.95, l1=0.9),
        policy("flips", 0.1, 0.1, 0.1, kept=3),
        policy("closed", 0.1, 0.1, 0.1, refused=7),
        policy(OWN, 0.1, 0.1, 0.1),
    ),
)
FREE = Terms(honest_rows=1)


def test_only_whole_policies_are_proposed_and_the_dearest_to_the_thief_wins():
    assert [t.policy for t in candidates(STUDY)] == [UNDEFENDED, "round:2", "label_only"]
    assert best_policy(STUDY, 0.9, Prices()).policy == "label_only"
    with pytest.raises(ConfigError, match="best class"):
        best_policy(Validation(target="t", tried=(policy("flips", 0.1, kept=3),)), 0.9, Prices())


def test_of_equals_the_one_that_moves_answers_least_wins():
    assert best_policy(STUDY, 0.75, Prices()).policy == "label_only"
    alike = msgspec.structs.replace(STUDY, tried=STUDY.tried[:2])
    assert best_policy(alike, 0.9, Prices()).policy == UNDEFENDED


def test_rows_are_bounds_where_the_curve_ends():
    label_only = STUDY.find("label_only")
    assert rows_to(label_only, 0.9, Prices()) == Rows("label_only", 10_000)
    assert rows_to(label_only, 0.97, Prices()).words == "at least 10,000"
    assert rows_to(label_only, 0.5, Prices()).words == "at most 100"


@pytest.mark.parametrize(
    ("rows", "goal", "terms", "quota"),
    [
        (Rows("p", 10_000), Goal(FIDELITY, 0.9), FREE, (333, True)),
        (Rows("p", 10_000), Goal(DAYS, 90.0), FREE, (111, True)),
        (Rows("p", 10_000), Goal(DAYS, 2.0), FREE, (333, True)),
        (Rows("p", 10_000), Goal(FIDELITY, 0.9), Terms(honest_rows=400), (400, False)),
        (Rows("p", 10_000, most=True), Goal(FIDELITY, 0.9), FREE, (333, False)),
        (Rows("p", 3), Goal(FIDELITY, 0.9), FREE, (1, False)),
        (Rows("p", 10_000), Goal(COST, 100.0), Terms(honest_rows=1, prices=Prices(account=10.0)), (33, True)),
    ],
)
def test_quotas(rows, goal, terms, quota):
    assert quota_for(rows, goal, terms) == quota


@pytest.mark.parametrize("number", [50, 999, 10_000, 12_345])
@pytest.mark.parametrize("days", [1.5, 30.0, 45.0, 365.0])
def test_a_quota_that_is_few_enough_takes_longer_than_was_asked(number, days):
    quota, enough = quota_for(Rows("p", number), Goal(DAYS, days), FREE)
    assert not enough or number / quota > max(days, FREE.window_days)


def test_a_cost_is_reached_by_accounts_or_said_to_be_out_of_reach():
    terms = Terms(honest_rows=10, prices=Prices(row=0.01, account=20.0))
    near = advise(STUDY, Goal(COST, 200.0), terms)
    assert near.reached and near.cost > 200 and near.accounts >= 5 and near.rows_per_day >= 10
    far = advise(STUDY, Goal(COST, 2e6), terms)
    assert not far.reached and far.rows_per_day == 10 and far.accounts == 34 and far.days == 1000
    assert far.cost == pytest.approx(10_000 * 0.01 + 34 * 20)
    assert 10_000 * far.price + 34 * 20 == pytest.approx(2e6)
    assert 10_000 * 0.01 + 34 * far.deposit == pytest.approx(2e6)


def test_a_fidelity_is_reached_for_one_account_where_the_quota_bites():
    assert advise(STUDY, Goal(FIDELITY, 0.9), FREE).reached
    assert not advise(STUDY, Goal(FIDELITY, 0.5), FREE).reached


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
