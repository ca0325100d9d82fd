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
from wellhead.redteam.wrap.recovered import Recovered, recover, resolve


@pytest.fixture(scope="module")
def digits():
    inputs, labels = load_digits(return_X_y=True)
    inputs = (inputs / 16).astype(np.float32)
    own, pool, judge = np.split(np.random.default_rng(0).permutation(len(inputs)), [700, 1300])
    return LogisticRegression(C=0.02, max_iter=1000).fit(inputs[own], labels[own]), inputs[pool], inputs[judge]


def test_undoing_one_decimal_gives_a_better_clone_than_taking_it_as_it_comes(digits):
    victim, pool, judge = digits
    shape, inner = resolve("round:1"), Random(inputs=pool, rows=500)
    oracle = InProcess(lambda x: shape(victim.predict_proba(x)))
    attacks = {"naive": inner, "undone": Recovered(attack=inner, defence="round:1", samples=100)}
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
    shape = resolve("reverse_sigmoid:0.5:0.3:false")
    told = shape(truth)
    found = recover(told, told, shape, (400, 20.0, 4), np.random.default_rng(1))
    assert np.allclose(found.sum(axis=1), 1)
    assert np.abs(found - truth).sum(axis=1).mean() < 0.3 * np.abs(told - truth).sum(axis=1).mean()


def test_what_is_recovered_would_have_been_told():
    truth = np.random.default_rng(0).dirichlet(np.ones(4), 100)
    shape = resolve("top_k:2")
    found = recover(shape(truth), shape(truth), shape, (200, 8.0, 2), np.random.default_rng(0))
    assert np.array_equal(found.argmax(axis=1), truth.argmax(axis=1))
    assert np.abs(shape(found) - shape(truth)).sum(axis=1).mean() < 0.1


def test_ten_thousand_classes_break_nothing():
    told = np.random.default_rng(0).dirichlet(np.full(10_000, 0.001), 6)
    assert recover(told, told, resolve("label_only"), (400, 8.0, 1), np.random.default_rng(0)).shape == told.shape


@pytest.mark.parametrize(
    "defence", ["buckets", "noise:0.5", "noise:0.5:input", "mad:0.3", "mad_argmax", "cap_l1:0.2(mad)"]
)
def test_every_defence_can_be_tried(defence):
    """Of a key a thief has only a guess."""
    truth = np.random.default_rng(0).dirichlet(np.full(4, 2.0), 20)
    shape = resolve(defence)
    found = recover(shape(truth), shape(truth), shape, (50, 8.0, 1), np.random.default_rng(0))
    assert np.allclose(found.sum(axis=1), 1)


def test_what_cannot_be_read_is_refused():
    for text in ("round:2.5", "round:k=1", "round:inf", "rond"):
        with pytest.raises(ConfigError, match="defence"):
            resolve(text)
