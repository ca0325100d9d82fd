import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from wellhead.core.errors import ConfigError
from wellhead.redteam.extract.active import Random
from wellhead.redteam.measure import fidelity
from wellhead.redteam.network import Recipe, train
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run
from wellhead.redteam.wrap.recovered import Recovered, recover, resolve, reverse_sigmoid


@pytest.fixture(scope="module")
def digits():
    inputs, labels = load_digits(return_X_y=True)
    inputs = (inputs / 16).astype(np.float32)
    own, pool, judge = np.split(np.random.default_rng(0).permutation(len(inputs)), [700, 1300])
    return LogisticRegression(C=0.02, max_iter=1000).fit(inputs[own], labels[own]), inputs[pool], inputs[judge]


def test_undoing_one_decimal_gives_a_better_clone_than_taking_it_as_it_comes(digits):
    victim, pool, judge = digits
    shape, inner = resolve("rounding", {"decimals": 1}), Random(inputs=pool, rows=500)
    oracle = InProcess(lambda x: shape(victim.predict_proba(x)))
    attacks = {"naive": inner, "undone": Recovered(attack=inner, settings={"decimals": 1}, samples=100)}
    answers, clones = {}, {}
    truth = victim.predict_proba(judge)
    for name, attack in attacks.items():
        result = finish(run(attack, oracle)).result
        answers[name] = np.abs(result.answer.scores - victim.predict_proba(result.inputs)).sum(axis=1).mean()
        # Three clones each: one alone differs by its dice.
        subsets = np.ones((3, len(result.inputs)), bool)
        clone = train(result.inputs, result.answer.scores, Recipe(epochs=40), np.random.default_rng(0), subsets)
        clones[name] = np.abs(clone.predict_proba(judge) - truth).sum(axis=1).mean()
        assert fidelity(clone, judge, as_answer(truth)).low > 0.92
    assert answers["undone"] < 0.75 * answers["naive"] and clones["undone"] < 0.85 * clones["naive"]


def test_a_defence_that_can_be_inverted_is():
    truth = np.random.default_rng(0).dirichlet(np.full(3, 2.0), 200)
    shape = resolve("reverse_sigmoid", {"beta": 0.5, "gamma": 0.3})
    told = shape(truth)
    found = recover(told, told, shape, (400, 20.0, 4), np.random.default_rng(1))
    assert np.allclose(found.sum(axis=1), 1)
    assert np.abs(found - truth).sum(axis=1).mean() < 0.3 * np.abs(told - truth).sum(axis=1).mean()


def test_reverse_sigmoid_by_hand():
    bent = reverse_sigmoid(np.array([[0.5, 0.5], [0.9, 0.1]]), beta=1.0, gamma=1.0)
    # With beta and gamma 1 it is y - (y - 1/2): every class alike.
    assert np.allclose(bent, 0.5)


def test_what_is_recovered_would_have_been_told():
    truth = np.random.default_rng(0).dirichlet(np.ones(4), 100)
    shape = resolve("top_k", {"k": 2})
    found = recover(shape(truth), shape(truth), shape, (200, 8.0, 2), np.random.default_rng(0))
    assert np.array_equal(found.argmax(axis=1), truth.argmax(axis=1))
    assert np.abs(shape(found) - shape(truth)).sum(axis=1).mean() < 0.1


def test_ten_thousand_classes_break_nothing():
    told = np.random.default_rng(0).dirichlet(np.full(10_000, 0.001), 6)
    assert recover(told, told, resolve("label_only", {}), (400, 8.0, 1), np.random.default_rng(0)).shape == told.shape


@pytest.mark.parametrize(("defence", "settings"), [("rounding", {"decimals": 2.0}), ("top_k", {"k": 1.0})])
def test_whole_numbers_are_counts(defence, settings):
    """Options are read as floats."""
    told = resolve(defence, settings)(np.array([[0.123, 0.877]]))
    assert np.allclose(told[0, 1], 0.88 if defence == "rounding" else 1.0)


def test_other_settings_are_refused():
    for settings in ({"decimals": 2.5}, {"k": 1.0}, {"decimals": float("inf")}):
        with pytest.raises(ConfigError, match="rounding"):
            resolve("rounding", settings)
