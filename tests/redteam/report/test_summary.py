import math

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from studies import STUDIES, defended, exact, failed, hostile, leak, leaky, marks, outcome, stolen

from wellhead.redteam.membership.leak import leak as evaluate
from wellhead.redteam.outcome import Exact, Study
from wellhead.redteam.report.summary import (
    about_nothing,
    almost_surely,
    at_chance,
    finite,
    is_baseline,
    may_be_drift,
    summarise,
)
from wellhead.redteam.report.words import headline, leak_sentence


def test_the_best_clone_is_the_most_faithful_and_then_the_cheapest():
    s = summarise(stolen())
    assert (s.best.outcome.attack, s.best.mark.rows) == ("all answers together", 6214)
    equal = (outcome("a", marks=marks(0.9, [800, 10**6])), outcome("b", marks=marks(0.9, [10**5])))
    assert summarise(Study(target="t", time_us=0, seed=0, outcomes=equal)).best.mark.rows == 10**5


def test_a_goal_is_given_to_the_attack_that_took_fewest_rows():
    goals = summarise(stolen()).goals
    assert [(g.need.goal, g.attack) for g in goals[:2]] == [(0.90, "uncertainty"), (0.95, "uncertainty")]
    assert summarise(stolen()).main == goals[1]
    censored = summarise(defended())
    assert [(g.need.rows, g.need.asked, g.attack) for g in censored.goals] == [(None, 800, "")] * 3
    assert censored.main is None


def test_a_model_counts_as_recovered_only_within_a_millionth():
    assert summarise(exact()).recovered
    near = outcome("x", exact=Exact(error=1e-5, points=500, bound=0.006))
    study = Study(target="t", time_us=0, seed=0, outcomes=(near,))
    assert not summarise(study).recovered
    assert summarise(msgspec.structs.replace(study, task="regressor")).recovered


def test_guessing_is_told_from_a_leak():
    assert at_chance(leak(0.0, 500, 500)) and not at_chance(leak(1.0, 500, 500))
    assert summarise(leaky()).leak[0].attack == "lira_online"
    assert summarise(failed()).leak is None


def test_a_leak_too_slight_to_matter_is_about_nothing_but_not_guessing():
    slight = msgspec.structs.replace(leak(0.0), auc_interval=(0.503, 0.52), tpr1=0.013, tpr1_interval=(0.011, 0.015))
    assert about_nothing(slight) and not at_chance(slight)
    assert not about_nothing(msgspec.structs.replace(slight, tpr1_interval=(0.02, 0.03)))


def claims(sets, members):
    leaks = [evaluate(scores, members) for scores in sets]
    return any(not about_nothing(msgspec.structs.replace(found, attacks=len(sets))) for found in leaks)


def test_studies_of_nothing_claim_leakage_in_one_of_twenty_at_most():
    members, false = np.arange(2000) < 1000, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        common = rng.normal(size=2000)
        near = [common + rng.normal(size=2000) * spread for spread in (0.1, 0.5, 2.0)]
        false += claims([common, (common > -0.5).astype(float), *near], members)
    assert false <= 5
    found = sum(claims([rng.normal(size=2000) + 0.2 * members] * 5, members) for _ in range(10))
    assert found >= 8


def test_a_leak_has_to_beat_what_the_data_alone_give_away():
    rng, members = np.random.default_rng(0), np.arange(2000) < 1000
    found = evaluate(rng.normal(size=2000) + 0.5 * members, members)

    def doubted(*areas, warnings=("members differ: what the attacks find is about drift, not leakage",)):
        leaks = tuple(outcome(str(a), leak=msgspec.structs.replace(found, drift=a)) for a in areas)
        return may_be_drift(Study(target="t", time_us=0, seed=0, outcomes=leaks, warnings=warnings))

    assert doubted(0.63) and doubted(0.5) and not doubted(0.55) and not doubted(0.63, warnings=())
    high, low = (msgspec.structs.replace(found, drift=0.63, auc_interval=ends) for ends in ((0.7, 0.8), (0.6, 0.8)))
    high = msgspec.structs.replace(high, tpr1_interval=(0.0, 0.1))
    study = Study(target="t", time_us=0, seed=0, outcomes=(outcome("low", leak=low), outcome("high", leak=high)))
    assert summarise(study).leak[0].attack == "high"


def test_an_area_alone_recognises_nobody():
    found = evaluate(np.repeat([1.0, 0.0, 1.0, 0.0], [600, 400, 500, 500]), np.arange(2000) < 1000)
    study = Study(target="t", time_us=0, seed=0, outcomes=(outcome("gap", leak=found),))
    assert not about_nothing(found) and not almost_surely(found) and found.tpr1 == 0.0
    assert headline(study) == "The answers tell something of who was in the training set"
    assert "almost surely is not known" in leak_sentence(found, "gap")


def test_what_ran_and_what_did_not_is_everything():
    for make in STUDIES.values():
        study = make()
        s = summarise(study)
        assert sorted(o.attack for o in (*s.ran, *s.silent)) == sorted(o.attack for o in study.outcomes)
    assert summarise(failed()).ran == ()


def test_baselines_ask_at_random():
    assert is_baseline("random") and not is_baseline("uncertainty")


def test_an_unlimited_budget_is_zero_and_needs_no_warning():
    study = finite(failed())
    assert (study.budget_rows, study.warnings) == (0.0, ())


def test_figures_that_are_no_numbers_are_said_to_be_unknown():
    study = finite(hostile())
    assert len(study.warnings) == 2 and "odd, pixels" in study.warnings[1]
    assert study.outcomes[2].likenesses[0].pixels == (0.0, 0.0, 1.0)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_figure_is_finite_afterwards(x):
    odd = outcome("x", marks=marks(0.9, [100]), seconds=x, exact=Exact(error=x, points=1, bound=x))
    study = finite(Study(target="t", time_us=0, seed=0, accuracy=x, outcomes=(odd,)))
    assert msgspec.json.decode(msgspec.json.encode(study), type=Study) == study
    assert math.isfinite(x) == (not study.warnings)
