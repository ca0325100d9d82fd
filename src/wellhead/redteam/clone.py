"""Clones: a fitted scikit-learn estimator that speaks the model's own classes and units.

scikit-learn is imported when it is first used.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores, Values
from wellhead.core.errors import ConfigError, MissingExtra

_TEXT_FEATURES = 2**12
NOTHING_TOLD = "expected one answered row or more to learn from, got none"


def matrix(inputs: Inputs) -> Array:
    """(n, f) float64: arrays flattened, texts as hashed character n-grams (3 to 5) of unit length."""
    if not isinstance(inputs, list):
        return np.asarray(inputs, np.float64).reshape(len(inputs), math.prod(inputs.shape[1:]))
    vectoriser = load_sklearn("feature_extraction.text").HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), n_features=_TEXT_FEATURES
    )
    return np.asarray(vectoriser.transform(inputs).toarray())


def load_sklearn(module: str) -> Any:
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as e:
        raise MissingExtra("learners need 'scikit-learn'", "try: pip install 'wellhead[redteam]'") from e


class Scale(NamedTuple):
    """Shift and divide, fitted on a thief's own inputs.

    Features of like ranges, such as pixels, keep their proportions: scaling each would blow up those that hardly vary.
    Others are standardised one by one.
    """

    shift: Array
    divisor: Array

    @classmethod
    def fit(cls, x: Array, centred: bool = False) -> Scale:
        """The scale of (n, f) inputs; raises ConfigError where there are none.

        centred: features of like ranges are shifted to mean 0 and into [-1, 1] or twice that, not into [0, 1].
        """
        if not len(x):
            raise ConfigError(NOTHING_TOLD)
        ranges = np.ptp(x, axis=0)
        widest = ranges.max(initial=0.0)
        if widest == 0 or np.quantile(ranges[ranges > 0], 0.25, method="lower") > widest / 20:
            if centred:
                return cls(x.mean(axis=0), np.asarray(widest / 2 or 1.0))
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
