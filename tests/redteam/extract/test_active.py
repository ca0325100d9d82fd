import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from wellhead.core.errors import Unsuited
from wellhead.redteam.extract import active
from wellhead.redteam.known import Known
from wellhead.redteam.learner import probabilities
from wellhead.redteam.measure import fidelity
from wellhead.redteam.network import Recipe, train
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

KINDS = [
    active.Random,
    active.Uncertainty,
    active.Margin,
    active.KCenter,
]
RNG = np.random.default_rng(0)
POOL = RNG.normal(size=(90, 5)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_each_keeps_the_contract_and_carries_its_own_paper(kind):
    attack = kind.suit(Known(rows=60, pool=POOL))
    check_attack(attack, lambda x: np.stack([x[:, 0] > 0, x[:, 0] <= 0], axis=1).astype(float))
    assert attack.name in (attack.pick, "random") and len({k.name for k in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_regressors_and_ten_thousand_classes_break_nothing(kind):
    texts = [f"{'good' if i % 3 else 'bad'} number {i}" for i in range(80)]
    check_attack(kind.suit(Known(rows=60, pool=texts)), lambda x: np.array(["good" in text for text in x], int))
    check_attack(kind.suit(Known(rows=60, pool=POOL, task="regressor")), lambda x: x[:, 0].astype(float))
    check_attack(kind.suit(Known(rows=60, pool=POOL)), lambda x: (np.abs(x[:, 0]) * 4000).astype(int))


def test_without_a_pool_they_do_not_suit():
    with pytest.raises(Unsuited, match="pool"):
        active.Random.suit(Known())


@pytest.fixture(scope="module")
def victim():
    """A network on digits, its pool of 600 and 497 held-out inputs."""
    inputs, labels = load_digits(return_X_y=True)
    inputs = (inputs / 16).astype(np.float32)
    own, pool, judge = np.split(np.random.default_rng(0).permutation(len(inputs)), [700, 1300])
    model = MLPClassifier((64,), max_iter=60, learning_rate_init=0.01, random_state=0, tol=0.0, n_iter_no_change=60)
    with pytest.warns(match="Maximum iterations"):
        model.fit(inputs[own], labels[own])
    return model, inputs[pool], inputs[judge]


@pytest.mark.parametrize(("kind", "least"), [(active.Random, 0.92), (active.Margin, 0.94), (active.KCenter, 0.94)])
def test_clones_of_a_network_from_300_answers(victim, kind, least):
    model, pool, judge = victim
    result = finish(run(kind.suit(Known(rows=300, pool=pool)), InProcess(model.predict_proba), seed=1)).result
    clone = train(result.inputs, probabilities(result.answer), Recipe(epochs=60), np.random.default_rng(0))
    assert fidelity(clone, judge, as_answer(model.predict_proba(judge))).low > least
