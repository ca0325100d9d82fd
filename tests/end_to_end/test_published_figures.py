"""The retraining attacks against what a toolbox reaches on the same data with as many queries.

Digits, 539 queries (20,000 uniform ones): ART 1.20.1's copycat, random and adaptive knockoff, three seeds each, on a
perceptron 64-128-10 that was trained on 718 rows.
"""

import numpy as np
import pytest

from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.active import KCenter, Margin, Random, Uncertainty
from wellhead.redteam.extract.copycat import Copycat
from wellhead.redteam.extract.data_free import Uniform
from wellhead.redteam.extract.knockoff import Knockoff
from wellhead.redteam.known import Known
from wellhead.redteam.learner import mlp
from wellhead.redteam.measure import best_clone
from wellhead.redteam.network import Recipe, train
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run


@pytest.fixture(scope="module")
def digits():
    """The victim, the pool and the inputs that judge."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    inputs, labels = load_digits(return_X_y=True)
    inputs = (inputs / 16).astype(np.float32)
    own, rest, own_labels, rest_labels = train_test_split(
        inputs, labels, test_size=0.6, random_state=0, stratify=labels
    )
    pool, judges = train_test_split(rest, test_size=0.5, random_state=1, stratify=rest_labels)
    victim = train(own, own_labels, Recipe(hidden=(128,), epochs=40, batch=32), np.random.default_rng(0))
    return victim, pool, judges


def reached(digits, kind, told, rows=539, **more):
    """Fidelity of a perceptron trained on what the attack was told."""
    victim, pool, judges = digits
    known = Known(
        rows=rows, classes=10, shape=(64,), low=np.zeros(64), high=np.ones(64), pool=pool, exposure=told, **more
    )
    model = victim.predict_proba if told is Exposure.PROBABILITIES else victim.predict
    last = finish(run(kind.suit(known), InProcess(model), seed=1))
    assert last.spent.rows <= rows
    truth = as_answer(victim.predict_proba(judges))
    return best_clone(last.result.inputs, last.result.answer, judges, truth, learners={"mlp": mlp}).fidelity.value


@pytest.mark.parametrize("kind", [Random, Uncertainty, Margin, KCenter, Knockoff])
def test_pool_attacks_reach_what_random_knockoff_reaches(digits, kind):
    assert reached(digits, kind, Exposure.PROBABILITIES) >= 0.9932 - 2 * 0.0022
    assert reached(digits, kind, Exposure.LABEL) >= 0.9710 - 2 * 0.0043


def test_copycat_on_inputs_of_its_own_domain_reaches_the_toolboxs(digits):
    victim, pool, judges = digits
    attack = Copycat(inputs=pool, rows=539)
    last = finish(run(attack, InProcess(victim.predict), seed=1))
    truth = as_answer(victim.predict_proba(judges))
    best = best_clone(last.result.inputs, last.result.answer, judges, truth, learners={"mlp": mlp})
    assert best.fidelity.value >= 0.9333


def test_uniform_queries_reach_the_toolboxs(digits):
    assert reached(digits, Uniform, Exposure.PROBABILITIES, 20_000) >= 0.9691 - 2 * 0.0091
    assert reached(digits, Uniform, Exposure.LABEL, 20_000) >= 0.6877 - 2 * 0.0150
