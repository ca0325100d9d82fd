"""Ordinary learners behind plain callables: fit(inputs, targets, seed) -> clone.

targets say what kind of clone it is: (n,) int labels, (n, k) float probabilities, or (n,) float values.
scikit-learn is imported when a learner is first used.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import answered, scored, take_inputs
from wellhead.redteam.clone import (
    NOTHING_TOLD,
    Classes,
    Constant,
    Numbers,
    Scale,
    Shares,
    load_sklearn,
    matrix,
    softmax,
)
from wellhead.redteam.network import Networks, Recipe, train

_REPLICAS_FLOOR = 0.005
_ROW_VISITS = 400_000
_COLUMN_VISITS = 3e8
_STRENGTH = 10.0


@contextmanager
def _unconverged() -> Iterator[None]:
    """A learner that stops early is still a learner: its fidelity is measured, not assumed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Replicas(NamedTuple):
    """Soft targets for learners that take labels only: each input once for each likely class, weighted."""

    rows: Array
    labels: Labels
    weights: Array


def _replicas(targets: Array) -> _Replicas:
    if targets.ndim == 1:
        return _Replicas(np.arange(targets.size), targets.astype(np.int64), np.ones(targets.size))
    likely = targets > _REPLICAS_FLOOR
    # With thousands of classes even the best may lie below the floor.
    likely[np.arange(len(targets)), targets.argmax(axis=1)] = True
    rows, labels = np.nonzero(likely)
    return _Replicas(rows, labels, np.maximum(targets[rows, labels], 1e-6))


def _classes(inputs: Inputs, targets: Array, estimator: Any, prepare: Callable[[Inputs], Array]) -> Classes | Constant:
    """Fit a classifier to labels or, through replicas, to probabilities."""
    if only := _only(targets):
        return only
    seen = _replicas(targets)
    with _unconverged():
        estimator.fit(prepare(inputs)[seen.rows], seen.labels, sample_weight=seen.weights)
    return Classes(estimator, prepare, _width(targets))


def _width(targets: Array) -> int:
    return int(targets.max()) + 1 if targets.ndim == 1 else int(targets.shape[1])


def _only(targets: Array) -> Constant | None:
    """The clone of a model that only ever named one class, None if it named more."""
    likely = np.unique(_replicas(targets).labels)
    return Constant(float(likely[0]), _width(targets)) if likely.size < 2 else None


def _shares(inputs: Inputs, targets: Array, estimator: Any, prepare: Callable[[Inputs], Array]) -> Shares:
    """Fit a regressor with several outputs to probabilities."""
    with _unconverged():
        estimator.fit(prepare(inputs), targets)
    return Shares(estimator, prepare)


def _numbers(inputs: Inputs, targets: Array, estimator: Any, prepare: Callable[[Inputs], Array]) -> Numbers | Constant:
    shift, divisor = float(targets.mean()), float(targets.std())
    if divisor <= 1e-12 * max(abs(shift), 1.0):
        return Constant(shift, 0)
    with _unconverged():
        estimator.fit(prepare(inputs), (targets - shift) / divisor)
    return Numbers(estimator, prepare, shift, divisor)


def _are_values(targets: Array) -> bool:
    if len(targets) == 0:
        raise ConfigError(NOTHING_TOLD)
    return targets.ndim == 1 and np.issubdtype(targets.dtype, np.floating)


def mlp(inputs: Inputs, targets: Array, seed: int) -> Networks | Constant:
    """A network of one hidden layer; probabilities are learnt as they are."""
    if not _are_values(targets) and (only := _only(targets)):
        return only
    # A step costs as much as there are inputs and outputs: wide ones, such as texts, get fewer.
    width = matrix(inputs[:1]).shape[1] + (1 if _are_values(targets) else _width(targets))
    epochs = int(np.clip(min(_ROW_VISITS, _COLUMN_VISITS / width) / len(targets), 20, 200))
    recipe = Recipe(hidden=(128,), epochs=epochs, batch=64, centred=True)
    return train(inputs, targets, recipe, np.random.default_rng(seed))


def random_forest(inputs: Inputs, targets: Array, seed: int) -> Any:
    """A hundred trees; probabilities are learnt as values."""
    ensemble = load_sklearn("ensemble")
    settings = {"n_estimators": 100, "max_features": "sqrt", "random_state": seed, "n_jobs": 1}
    if _are_values(targets):
        settings["max_features"] = 0.5
        return _numbers(inputs, targets, ensemble.RandomForestRegressor(**settings), matrix)
    if targets.ndim == 2:
        return _shares(inputs, targets, ensemble.RandomForestRegressor(**settings), matrix)
    return _classes(inputs, targets, ensemble.RandomForestClassifier(**settings), matrix)


def gradient_boosting(inputs: Inputs, targets: Array, seed: int) -> Any:
    """Histogram gradient boosting; probabilities are learnt through weighted replicas."""
    ensemble = load_sklearn("ensemble")
    # A few features for each split: as good or better where there are many, and faster.
    share = min(1.0, max(0.1, 16 / max(matrix(inputs[:1]).shape[1], 1)))
    settings = {
        "max_iter": 40,
        "learning_rate": 0.2,
        "max_leaf_nodes": 15,
        "max_features": share,
        "early_stopping": False,
        "random_state": seed,
    }
    if _are_values(targets):
        return _numbers(inputs, targets, ensemble.HistGradientBoostingRegressor(**settings), matrix)
    return _classes(inputs, targets, ensemble.HistGradientBoostingClassifier(**settings), matrix)


def logistic(inputs: Inputs, targets: Array, seed: int) -> Any:
    """Multinomial logistic regression, ridge regression for values; probabilities are learnt as they are."""
    linear, scale = load_sklearn("linear_model"), Scale.fit(matrix(inputs))
    if _are_values(targets):
        return _numbers(inputs, targets, linear.Ridge(alpha=1e-3), scale.prepare)
    if targets.ndim == 2:
        return _only(targets) or _softmax_regression(scale, scale.prepare(inputs), targets)
    return _classes(
        inputs, targets, linear.LogisticRegression(C=_STRENGTH, max_iter=300, random_state=seed), scale.prepare
    )


def _softmax_regression(scale: Scale, x: Array, targets: Array) -> Networks:
    """The least mean cross-entropy to probabilities plus |weights|^2 / 20 n, by L-BFGS."""
    x = np.hstack([x, np.ones((len(x), 1))])
    shape = (x.shape[1], targets.shape[1])

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(shape)
        logits = x @ weights
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        totals = powers.sum(axis=1, keepdims=True)
        surprise = float((np.log(totals) * targets.sum(axis=1, keepdims=True)).sum() - (targets * logits).sum())
        slope = x.T @ (powers / totals * targets.sum(axis=1, keepdims=True) - targets)
        slope[:-1] += weights[:-1] / _STRENGTH
        return (surprise + float((weights[:-1] ** 2).sum()) / 2 / _STRENGTH) / len(x), slope.reshape(-1) / len(x)

    minimise = importlib.import_module("scipy.optimize").minimize
    found = minimise(loss, np.zeros(x.shape[1] * shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    weights = found.x.reshape(1, *shape)
    return Networks((weights[:, :-1],), (weights[:, -1:],), scale.shift, scale.divisor, "classifier")


Learner: TypeAlias = Callable[[Inputs, Array, int], Any]
"""fit(inputs, targets, seed) -> clone with predict, and for classes predict_proba."""

LEARNERS: dict[str, Learner] = {
    "mlp": mlp,
    "random_forest": random_forest,
    "gradient_boosting": gradient_boosting,
    "logistic": logistic,
}


def for_task(task: str) -> dict[str, Learner]:
    """The learners that a thief would try, by name; all of them know both tasks.

    Raises ConfigError for a task other than classifier and regressor.
    """
    if task not in ("classifier", "regressor"):
        raise ConfigError(f"expected task classifier or regressor, got {task!r}")
    return dict(LEARNERS)


def probabilities(answer: Answer) -> Scores:
    """(n, k) probabilities of an answer with scores; logits are normalised."""
    if answer.scores is None:
        raise ConfigError("expected an answer with scores")
    return softmax(answer.scores) if answer.kind == Exposure.LOGITS else answer.scores


def targets_of(answer: Answer) -> Array:
    """What to learn from answered rows: values, else probabilities where every row has them, else labels."""
    if answer.values is not None:
        return answer.values
    if scored(answer).all() and answer.scores is not None:
        return probabilities(answer)
    labels = answer.top1
    return np.zeros(0, np.int64) if labels is None else labels


def fit_answers(inputs: Inputs, answer: Answer, learner: str, seed: int) -> Any:
    """A clone from everything that was answered."""
    return LEARNERS[learner](inputs, targets_of(answer), seed)


def trainings(inputs: Inputs, answer: Answer) -> Iterator[tuple[str, Inputs, Array]]:
    """What a thief can train on: perturbed scores may teach less than the labels beside them, so both are tried."""
    heard = answered(answer)
    if answer.values is not None:
        yield "values", take_inputs(inputs, heard), answer.values[heard]
        return
    with_scores = scored(answer)
    if with_scores.any():
        yield "scores", take_inputs(inputs, with_scores), probabilities(answer)[with_scores]
    labels = answer.top1
    if labels is not None and heard.any():
        yield "labels", take_inputs(inputs, heard), labels[heard]
