import sys

import numpy as np
import pytest

from wellhead.core.errors import ConfigError, MissingExtra
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.learner import LEARNERS, fit_answers, for_task, logistic, mlp, probabilities

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 5)).astype(np.float32)
LOGITS = X.astype(float) @ RNG.normal(size=(5, 3)) * 2
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
LABELS = LOGITS.argmax(axis=1)
EACH = pytest.mark.parametrize("name", LEARNERS)


@EACH
@pytest.mark.parametrize("targets", [LABELS, PROBABILITIES], ids=["labels", "probabilities"])
def test_classes_are_learnt_and_the_same_seed_gives_the_same_clone(name, targets):
    clone, again = (LEARNERS[name](X[:250], targets[:250], 3) for _ in range(2))
    scores = clone.predict_proba(X[250:])
    assert (clone.predict(X[250:]) == LABELS[250:]).mean() > 0.8
    assert scores.shape == (150, 3) and np.allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(scores, again.predict_proba(X[250:]))


@EACH
def test_values_are_learnt_in_their_own_unit(name):
    values = X[:, 0].astype(float) * 1000 + 5000
    clone = LEARNERS[name](X[:250], values[:250], 0)
    assert np.corrcoef(clone.predict(X[250:]), values[250:])[0, 1] > 0.9
    assert abs(clone.predict(X[250:]).mean() - 5000) < 300


@EACH
def test_one_class_or_one_value_gives_a_constant(name):
    assert (LEARNERS[name](X[:5], np.full(5, 2), 0).predict(X) == 2).all()
    assert (LEARNERS[name](X[:5], np.full(5, 2.5), 0).predict(X) == 2.5).all()
    sure = LEARNERS[name](X[:5], np.eye(3)[np.full(5, 1)], 0)
    assert (sure.predict(X) == 1).all() and np.allclose(sure.predict_proba(X[:2]), [[0, 1, 0]] * 2)


@EACH
def test_classes_that_were_never_seen_keep_their_places(name):
    labels = np.where(X[:, 0] > 0, 4, 1)
    clone = LEARNERS[name](X, labels, 0)
    assert set(clone.predict(X)) == {1, 4} and clone.predict_proba(X[:1]).shape == (1, 5)


@EACH
def test_images_and_texts_are_inputs_too(name):
    images = X[:200, :4].reshape(200, 2, 2)
    assert LEARNERS[name](images, LABELS[:200], 0).predict(images).shape == (200,)
    texts = ["good fine great", "bad poor awful"] * 20
    clone = LEARNERS[name](texts, np.array([1, 0] * 20), 0)
    assert clone.predict(["awful", "great"]).shape == (2,)


def test_texts_are_told_apart():
    clone = logistic(["good fine great", "bad poor awful"] * 20, np.array([1, 0] * 20), 0)
    assert clone.predict(["awful", "great"]).tolist() == [0, 1]


def test_nothing_to_learn_from_is_an_error():
    for learner in LEARNERS.values():
        with pytest.raises(ConfigError, match="got none"):
            learner(X[:0], LABELS[:0], 0)


def test_features_of_any_unit_make_no_difference():
    wild = (X * np.array([1, 1e6, 1e-6, 1e3, 1])).astype(np.float32)
    assert (mlp(wild[:250], LABELS[:250], 0).predict(wild[250:]) == LABELS[250:]).mean() > 0.9


def test_logits_are_learnt_as_their_probabilities():
    logits = Answer(Exposure.LOGITS, scores=LOGITS)
    assert np.allclose(probabilities(logits), PROBABILITIES)
    a = fit_answers(X, logits, "logistic", 0)
    b = fit_answers(X, Answer(Exposure.PROBABILITIES, scores=probabilities(logits)), "logistic", 0)
    assert np.array_equal(a.predict_proba(X), b.predict_proba(X))


def test_both_tasks_are_known_and_no_other():
    assert list(for_task("classifier")) == list(for_task("regressor")) == list(LEARNERS)
    with pytest.raises(ConfigError, match="clustering"):
        for_task("clustering")


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(MissingExtra, match=r"wellhead\[redteam\]"):
        logistic(X, LABELS, 0)


def test_a_thousand_classes_with_hardly_any_confidence_are_learnt():
    labels = np.arange(60) % 4
    scores = np.full((60, 1000), 0.99e-3)
    scores[np.arange(60), labels] = 2e-3
    x = np.eye(4, dtype=np.float32)[labels]
    for name in ("mlp", "random_forest", "logistic"):
        assert (LEARNERS[name](x, scores, 0).predict(x) == labels).all(), name
