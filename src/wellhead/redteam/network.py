"""Perceptrons trained many at a time in numpy: clones, shadow models, and the gradients that attacks follow."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a perceptron is trained: ReLU layers, Adam, cross-entropy (squared error for values).

    hidden: width of each hidden layer; none makes it linear.  decay: L2 penalty.
    """

    hidden: tuple[int, ...] = (128,)
    epochs: int = 100
    batch: int = 32
    rate: float = 1e-3
    decay: float = 0.0


class Networks(NamedTuple):
    """K trained perceptrons on inputs of d flattened features. weights: (K, d, h) and so on; biases: (K, 1, h).

    shift, divisor: how inputs are scaled first.  task: `classifier` or `regressor`.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    shift: Array
    divisor: Array
    task: str

    def logits(self, inputs: Inputs) -> Array:
        """(K, n, c) logits, or (K, n, 1) values."""
        raise NotImplementedError

    def predict_proba(self, inputs: Inputs) -> Scores:
        """(n, c) probabilities, the mean over the K networks."""
        raise NotImplementedError

    def predict(self, inputs: Inputs) -> Labels:
        """(n,) class indices, or values for regressors."""
        raise NotImplementedError

    def gradient(self, inputs: Inputs, outward: Array) -> Array:
        """(n, d): gradient by the unscaled inputs of sum(outward * mean logits); outward: (n, c)."""
        raise NotImplementedError


def train(
    inputs: Inputs,
    targets: Array,
    recipe: Recipe,
    rng: np.random.Generator,
    subsets: Array | None = None,
) -> Networks:
    """Train K networks at once. targets: (n,) int labels, (n, c) probabilities, or (n,) float values.

    subsets: (K, n) bool, the rows each network learns from; None trains one on all rows.
    """
    raise NotImplementedError
