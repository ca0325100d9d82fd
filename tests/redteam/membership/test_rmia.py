import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.redteam.known import Known
from wellhead.redteam.membership.leak import auc
from wellhead.redteam.membership.rmia import References, Rmia, dominated
from wellhead.redteam.membership.thresholds import Threshold
from wellhead.redteam.network import Recipe, train
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

RNG = np.random.default_rng(0)
RECIPE = Recipe(hidden=(32,), epochs=30, batch=20, rate=3e-3)
CENTRES = RNG.integers(2, size=(10, 40))
LABELS = RNG.integers(10, size=800)
ROWS = (CENTRES[LABELS] ^ (RNG.random((800, 40)) < 0.25)).astype(np.float32)
MEMBERS = np.isin(np.arange(800), RNG.permutation(400)[:200])
TARGET = train(ROWS, LABELS, RECIPE, np.random.default_rng(7), MEMBERS[None])
KNOWN = Known(
    candidates=ROWS[:400], candidate_labels=LABELS[:400], pool=ROWS[400:], labels=LABELS[400:], train_rows=200
)


def area(attack):
    return auc(finish(run(attack, InProcess(TARGET.predict_proba))).result.scores, MEMBERS[:400])


def parts(**changes):
    attack = Rmia.suit(KNOWN)
    named = {field: getattr(attack, field) for field in attack.__struct_fields__}
    return Rmia(**(named | {"network": RECIPE} | changes))


def test_the_contract():
    check_attack(parts(network=Recipe(hidden=(4,), epochs=1)), TARGET.predict_proba)


def test_members_are_found_better_than_by_the_loss():
    loss = area(Threshold(candidates=ROWS[:400], labels=LABELS[:400]))
    assert area(parts()) > loss + 0.02
    assert area(parts(references=1)) > loss - 0.02


@given(
    st.lists(st.floats(0.01, 10), min_size=1, max_size=20),
    st.lists(st.floats(0.01, 10), min_size=1, max_size=20),
    st.sampled_from([1.0, 2.0]),
)
def test_the_score_is_the_share_that_is_dominated_and_orders_ties(ratios, population, gamma):
    found = dominated(np.array(ratios), np.array(population), gamma)
    for ratio, score in zip(ratios, found, strict=True):
        count = sum(z <= ratio / gamma for z in population)
        assert count <= score * (len(population) + 1) < count + 1
    assert (np.diff(found[np.argsort(ratios, kind="stable")]) >= 0).all()


def test_records_are_expected_from_models_that_did_not_see_them():
    shares = np.array([[0.9, 0.5, 0.8], [0.3, 0.7, 0.6]])
    within = np.array([[True, False, True], [False, False, True]])
    world = References(shares, within, 1)
    assert world.expected(1.0) == pytest.approx([0.3, 0.6, 0.7])
    assert world.expected(0.0) == pytest.approx([(0.3 + 1) / 2, 0.8, 0.85])


def tuned_slowly(world):
    n = world.within.shape[1] - world.population
    out = ~world.within[1:] | world.within[1:].all(axis=0)
    unseen = (world.shares[1:] * out).sum(axis=0) / out.sum(axis=0)
    areas = []
    for a in np.arange(11) / 10:
        ratios = world.shares[0] / (((1 + a) * unseen + 1 - a) / 2)
        score = np.searchsorted(np.sort(ratios[n:]), ratios[:n], side="right") + ratios[:n] / (1 + ratios[:n])
        inside, outside = score[world.within[0, :n]], score[~world.within[0, :n]]
        areas.append((inside[:, None] > outside).mean() + (inside[:, None] == outside).mean() / 2)
    return np.argmax(areas) / 10


def test_the_offset_is_that_with_which_the_others_tell_the_firsts_rows():
    found = set()
    for seed, power in ((0, 1.0), (1, 1.0), (2, 3.0), (3, 0.3)):
        rng = np.random.default_rng(seed)
        hard, within = rng.random(300) ** power, np.pad(rng.random((3, 250)) < 0.5, ((0, 0), (0, 50)))
        shares = np.clip(hard * (1 + 0.3 * within) + 0.05 * rng.random((3, 300)), 0.001, 0.999)
        world = References(shares, within, 50)
        assert world.tuned(1.0) == pytest.approx(tuned_slowly(world))
        found.add(world.tuned(1.0))
    assert len(found) > 1


def test_the_population_is_apart_from_pool_and_candidates():
    attack = Rmia.suit(KNOWN)
    assert (len(attack.population), len(attack.pool)) == (100, 300)
    keys = [{row.tobytes() for row in part} for part in (attack.candidates, attack.pool, attack.population)]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]
    with pytest.raises(Unsuited, match="no candidates"):
        Rmia.suit(Known(candidates=ROWS, candidate_labels=LABELS, pool=ROWS, labels=LABELS))


@pytest.mark.parametrize("wrong", [{"references": 0}, {"population": ROWS[:0], "population_labels": LABELS[:0]}])
def test_what_cannot_be_asked_for(wrong):
    with pytest.raises(ConfigError, match="expected"):
        parts(**wrong)
