import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.redteam.box import Box
from wellhead.redteam.extract.data_free import Adaptive, DataFree, Uniform, balanced
from wellhead.redteam.known import Known
from wellhead.redteam.measure import fidelity
from wellhead.redteam.network import Recipe, train
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

RNG = np.random.default_rng(0)
FIRST, SECOND = RNG.normal(size=(36, 12)), RNG.normal(size=(12, 4))
KNOWN = Known(rows=100, shape=(6, 6), low=np.zeros(36), high=np.ones(36), classes=4)


def model(x):
    powers = np.exp(np.maximum((x.reshape(len(x), -1) - 0.5) @ FIRST, 0) @ SECOND)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", [Uniform, Adaptive, DataFree])
def test_they_keep_the_contract_within_the_bounds(kind):
    attack = kind.suit(KNOWN)
    check_attack(attack, model)
    check_attack(attack, lambda x: np.zeros(len(x), int))
    check_attack(attack, lambda x: x.reshape(len(x), -1)[:, 0].astype(float))
    check_attack(attack, lambda x: (x.reshape(len(x), -1)[:, 0] * 9999).astype(int))
    result = finish(run(attack, InProcess(model))).result
    assert result.inputs.shape == (100, 6, 6) and result.inputs.min() >= 0 and result.inputs.max() <= 1


def test_texts_and_a_configuration_without_sense_are_refused():
    with pytest.raises(Unsuited, match="numbers"):
        Uniform.suit(Known(pool=["a"]))
    with pytest.raises(ConfigError, match="per_round"):
        Uniform(box=Box.of(KNOWN), per_round=0)


def test_adaptive_retraining_of_a_linear_model_from_827_labels():
    """USENIX Security 2016, section 6.1: more than 99 % on linear models with 827 queries on average."""
    inputs, labels = load_breast_cancer(return_X_y=True)
    inputs = 2 * (inputs - inputs.min(axis=0)) / np.ptp(inputs, axis=0) - 1
    victim = LogisticRegression(max_iter=5000).fit(inputs, labels)
    known = Known(rows=827, shape=(30,), low=np.full(30, -1.0), high=np.ones(30), classes=2)
    judges = [np.random.default_rng(5).uniform(-1, 1, (10_000, 30)), inputs]
    found = {}
    for kind in (Uniform, Adaptive):
        result = finish(run(kind.suit(known), InProcess(victim.predict))).result
        clone = LogisticRegression(C=100, max_iter=3000).fit(result.inputs, result.answer.top1)
        found[kind] = [(clone.predict(x) == victim.predict(x)).mean() for x in judges]
    assert min(found[Adaptive]) > 0.99 > min(found[Uniform])


def test_every_class_is_drawn_alike():
    drawn = np.array([0] * 97 + [5] * 3)[balanced(np.array([0] * 97 + [5] * 3), 4000, np.random.default_rng(0))]
    assert 0.45 < (drawn == 5).mean() < 0.55


def test_data_free_beats_uniform_noise():
    inner = RNG.random((1000, 6, 1)) * RNG.random((1000, 1, 6))
    truth, found = as_answer(model(inner)), {}
    for kind in (Uniform, DataFree):
        attack = kind(box=Box.of(KNOWN), rows=500, per_round=100)
        result = finish(run(attack, InProcess(model))).result
        clone = train(result.inputs, result.answer.scores, Recipe(epochs=60), np.random.default_rng(0))
        found[kind] = fidelity(clone, inner, truth)
    assert found[DataFree].low > found[Uniform].high
