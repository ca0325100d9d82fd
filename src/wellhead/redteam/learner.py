"""Ordinary learners behind plain callables: fit(inputs, targets, seed) -> clone.

targets say what kind of clone it is: (n,) int labels, (n, k) float probabilities, or (n,) float values.
scikit-learn is imported when a learner is first used.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores, Values
from wellhead.core.errors import ConfigError, MissingExtra
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import answered, scored, take_inputs

_TEXT_FEATURES = 2**12
_REPLICAS_FLOOR = 0.005
_NOTHING = "expected one answered row or more to learn from, got none"
_ROW_VISITS = 400_000


def matrix(inputs: Inputs) -> Array:
    """(n, f) float64: arrays flattened, texts as hashed character n-grams (3 to 5) of unit length."""
    if not isinstance(inputs, list):
        return np.asarray(inputs, np.float64).reshape(len(inputs), math.prod(inputs.shape[1:]))
    vectoriser = _import("feature_extraction.text").HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), n_features=_TEXT_FEATURES
    )
    return np.asarray(vectoriser.transform(inputs).toarray())


def _import(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as e:
        raise MissingExtra("learners need 'scikit-learn'", "try: pip install 'wellhead[redteam]'") from e


@contextmanager
def _unconverged() -> Iterator[None]:
    """A learner that stops early is still a learner: its fidelity is measured, not assumed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Scale(NamedTuple):
    """Shift and divide, fitted on a thief's own inputs.

    Features of like ranges, such as pixels, keep their proportions: scaling each would blow up those that hardly vary.
    Others are standardised one by one.
    """

    shift: Array
    divisor: Array

    @classmethod
    def fit(cls, x: Array) -> Scale:
        """The scale of (n, f) inputs; raises ConfigError where there are none."""
        if not len(x):
            raise ConfigError(_NOTHING)
        ranges = np.ptp(x, axis=0)
        widest = ranges.max(initial=0.0)
        if widest == 0 or np.quantile(ranges[ranges > 0], 0.25, method="lower") > widest / 20:
            return cls(np.asarray(x.min(initial=np.inf)), np.asarray(widest or 1.0))
        deviation = x.std(axis=0)
        return cls(x.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def prepare(self, inputs: Inputs) -> Array:
        """(n, f) scaled."""
        return np.asarray((matrix(inputs) - self.shift) / self.divisor)


class Constant(NamedTuple):
    """The clone of a model that only ever said one thing."""

    value: float
    classes: int

    def predict(self, inputs: Inputs) -> Labels | Values:
        """(n,): that thing."""
        return np.full(len(inputs), int(self.value) if self.classes else self.value)

    def predict_proba(self, inputs: Inputs) -> Scores:
        """(n, k): all of it on one class."""
        return np.eye(self.classes)[self.predict(inputs)]


class Classes(NamedTuple):
    """A fitted scikit-learn classifier, its columns put back to the model's own class indices."""

    estimator: Any
    prepare: Callable[[Inputs], Array]
    classes: int

    def predict_proba(self, inputs: Inputs) -> Scores:
        """(n, k) probabilities; classes that were never seen get 0."""
        scores = np.zeros((len(inputs), self.classes))
        scores[:, self.estimator.classes_] = self.estimator.predict_proba(self.prepare(inputs))
        return scores

    def predict(self, inputs: Inputs) -> Labels:
        """(n,) class indices."""
        return np.asarray(self.predict_proba(inputs).argmax(axis=1))


class Shares(NamedTuple):
    """A regressor of probabilities."""

    estimator: Any
    prepare: Callable[[Inputs], Array]

    def predict_proba(self, inputs: Inputs) -> Scores:
        """(n, k) probabilities."""
        return np.asarray(self.estimator.predict(self.prepare(inputs)))

    def predict(self, inputs: Inputs) -> Labels:
        """(n,) class indices."""
        return np.asarray(self.predict_proba(inputs).argmax(axis=1))


class Numbers(NamedTuple):
    """A regressor of values, trained on standardised ones."""

    estimator: Any
    prepare: Callable[[Inputs], Array]
    shift: float
    divisor: float

    def predict(self, inputs: Inputs) -> Values:
        """(n,) values."""
        return np.asarray(self.estimator.predict(self.prepare(inputs)) * self.divisor + self.shift)


def softmax(logits: Scores) -> Scores:
    """(n, k) probabilities of (n, k) logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


class _Replicas(NamedTuple):
    """Soft targets for learners that take labels only: each input once for each likely class, weighted."""

    rows: Array
    labels: Labels
    weights: Array


def _replicas(targets: Array) -> _Replicas:
    if targets.ndim == 1:
        return _Replicas(np.arange(targets.size), targets.astype(np.int64), np.ones(targets.size))
    rows, labels = np.nonzero(targets > _REPLICAS_FLOOR)
    return _Replicas(rows, labels, targets[rows, labels])


def _classes(inputs: Inputs, targets: Array, estimator: Any, prepare: Callable[[Inputs], Array]) -> Classes | Constant:
    """Fit a classifier to labels or, through replicas, to probabilities."""
    classes = int(targets.max()) + 1 if targets.ndim == 1 else targets.shape[1]
    seen = _replicas(targets)
    if np.unique(seen.labels).size < 2:
        return Constant(float(seen.labels[0]), classes)
    with _unconverged():
        estimator.fit(prepare(inputs)[seen.rows], seen.labels, sample_weight=seen.weights)
    return Classes(estimator, prepare, classes)


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
        raise ConfigError(_NOTHING)
    return targets.ndim == 1 and np.issubdtype(targets.dtype, np.floating)


def mlp(inputs: Inputs, targets: Array, seed: int) -> Any:
    """A network of one hidden layer; probabilities are learnt through weighted replicas."""
    neural, prepare = _import("neural_network"), Scale.fit(matrix(inputs)).prepare
    settings = {"hidden_layer_sizes": (128,), "max_iter": 200, "random_state": seed}
    if _are_values(targets):
        return _numbers(inputs, targets, neural.MLPRegressor(**settings), prepare)
    # Replicas multiply the rows of an epoch, not what there is to learn.
    settings["max_iter"] = int(np.clip(_ROW_VISITS / _replicas(targets).rows.size, 20, 200))
    return _classes(inputs, targets, neural.MLPClassifier(**settings), prepare)


def random_forest(inputs: Inputs, targets: Array, seed: int) -> Any:
    """A hundred trees; probabilities are learnt as values."""
    ensemble = _import("ensemble")
    settings = {"n_estimators": 100, "max_features": "sqrt", "random_state": seed, "n_jobs": 1}
    if _are_values(targets):
        settings["max_features"] = 0.5
        return _numbers(inputs, targets, ensemble.RandomForestRegressor(**settings), matrix)
    if targets.ndim == 2:
        return _shares(inputs, targets, ensemble.RandomForestRegressor(**settings), matrix)
    return _classes(inputs, targets, ensemble.RandomForestClassifier(**settings), matrix)


def gradient_boosting(inputs: Inputs, targets: Array, seed: int) -> Any:
    """Histogram gradient boosting; probabilities are learnt through weighted replicas."""
    ensemble = _import("ensemble")
    settings = {"max_iter": 60, "random_state": seed, "early_stopping": False}
    if _are_values(targets):
        return _numbers(inputs, targets, ensemble.HistGradientBoostingRegressor(**settings), matrix)
    return _classes(inputs, targets, ensemble.HistGradientBoostingClassifier(**settings), matrix)


def logistic(inputs: Inputs, targets: Array, seed: int) -> Any:
    """Multinomial logistic regression, ridge regression for values; probabilities through weighted replicas."""
    linear, prepare = _import("linear_model"), Scale.fit(matrix(inputs)).prepare
    if _are_values(targets):
        return _numbers(inputs, targets, linear.Ridge(alpha=1e-3), prepare)
    return _classes(inputs, targets, linear.LogisticRegression(C=10.0, max_iter=300, random_state=seed), prepare)


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
