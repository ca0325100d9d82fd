import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.redteam.attack import answered
from wellhead.redteam.extract.knockoff import Knockoff, grouped
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

RNG = np.random.default_rng(0)
POOL = RNG.normal(size=(200, 3)).astype(np.float32)


@pytest.mark.parametrize("labels", [None, (POOL[:, 1] > 0).astype(np.int64)])
def test_it_keeps_the_contract(labels):
    attack = Knockoff.suit(Known(rows=100, pool=POOL, labels=labels, classes=2))
    check_attack(attack, lambda x: np.stack([x[:, 0] > 0, x[:, 0] <= 0], axis=1).astype(float))
    check_attack(attack, lambda x: x[:, 0].astype(float))
    check_attack(attack, lambda x: (np.abs(x[:, 0]) * 20).astype(int) * 400)


def test_texts_are_grouped_as_well():
    texts = [f"{'good' if i % 3 else 'bad'} number {i}" for i in range(60)]
    check_attack(Knockoff(inputs=texts, rows=40, per_round=20), lambda x: np.array(["good" in t for t in x], int))


def test_it_asks_more_of_the_group_that_teaches_more():
    """One group always gets the same answer, the other one that nobody could guess."""
    labels = np.repeat([0, 1], 1000)
    pool = np.concatenate([RNG.normal(-5, 1, (1000, 4)), RNG.normal(5, 1, (1000, 4))]).astype(np.float32)

    def model(x):
        odd = np.floor(x[:, 1] * 7) % 2
        first = np.where(x[:, 0] < 0, 0.9, 0.05 + 0.9 * odd)
        return np.stack([first, 1 - first], axis=1)

    attack = Knockoff(inputs=pool, labels=labels, rows=600, per_round=60)
    result = finish(run(attack, InProcess(model))).result
    assert answered(result.answer).all() and (result.inputs[:60, 0] > 0).mean() == pytest.approx(0.5, abs=0.2)
    assert (result.inputs[-200:, 0] > 0).mean() > 0.65


@given(st.integers(0, 2**31))
def test_well_separated_clusters_are_found_and_what_has_no_label_goes_to_the_nearest(seed):
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat([0, 1, 2], 20))
    inputs = (np.eye(3)[group] * 100 + rng.normal(size=(60, 3))).astype(np.float32)
    assert np.array_equal(grouped(inputs, group[:50], 3, rng)[50:], group[50:]) or np.unique(group[:50]).size < 3
    found = grouped(inputs, None, 3, rng)
    # A cluster may be split or shared by an unlucky start, but none is torn between others.
    assert all(np.unique(found[group == g]).size <= 2 for g in range(3))
