"""Perceptrons trained many at a time in numpy: clones, shadow models, and the gradients that attacks follow."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores
from wellhead.core.errors import ConfigError
from wellhead.redteam.clone import NOTHING_TOLD, Scale, matrix
from wellhead.redteam.trainer import Goal, Recipe, Shape, Trainer

__all__ = ["Networks", "Recipe", "train"]

_GROUP_FLOATS = 2**19
_BLOCK_FLOATS = 2**22


class Networks(NamedTuple):
    """K trained perceptrons on inputs of d flattened features. weights: (K, d, h) and so on; biases: (K, 1, h).

    shift, divisor: how inputs are scaled first.  task: `classifier` or `regressor`.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    shift: Array
    divisor: Array
    task: str

    def _blocks(self, inputs: Inputs) -> Iterator[tuple[slice, list[Array]]]:
        """Rows, and the activations of every layer on them: scaled inputs first, logits last."""
        x = matrix(inputs)
        widest = max(w.shape[2] for w in self.weights) * len(self.weights[0])
        step = max(_BLOCK_FLOATS // widest, 1)
        for start in range(0, len(x), step):
            rows = slice(start, min(start + step, len(x)))
            layers = [((x[rows] - self.shift) / self.divisor).astype(self.weights[0].dtype)]
            for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
                z = layers[-1] @ w + b
                layers.append(np.maximum(z, 0, out=z) if i + 1 < len(self.weights) else z)
            yield rows, layers

    def logits(self, inputs: Inputs) -> Array:
        """(K, n, c) float32 logits, or (K, n, 1) float64 values."""
        out = np.zeros((len(self.weights[0]), len(inputs), self.weights[-1].shape[2]), self.weights[-1].dtype)
        for rows, layers in self._blocks(inputs):
            out[:, rows] = layers[-1]
        return out

    def predict_proba(self, inputs: Inputs) -> Scores:
        """(n, c) probabilities, the mean over the K networks; raises ConfigError for regressors."""
        if self.task != "classifier":
            raise ConfigError("expected a classifier: a regressor has values, call predict")
        out = np.zeros((len(inputs), self.weights[-1].shape[2]))
        for rows, layers in self._blocks(inputs):
            powers = layers[-1].astype(np.float64)
            powers -= powers.max(axis=2, keepdims=True)
            np.exp(powers, out=powers)
            powers /= powers.sum(axis=2, keepdims=True)
            out[rows] = powers.mean(axis=0)
        return out

    def predict(self, inputs: Inputs) -> Labels:
        """(n,) class indices, or values for regressors."""
        if self.task == "classifier":
            return np.asarray(self.predict_proba(inputs).argmax(axis=1))
        return np.asarray(self.logits(inputs).mean(axis=0)[:, 0])

    def gradient(self, inputs: Inputs, outward: Array) -> Array:
        """(n, d): gradient by the unscaled inputs of sum(outward * mean logits); outward: (n, c)."""
        out = np.zeros((len(inputs), self.weights[0].shape[1]))
        for rows, layers in self._blocks(inputs):
            inward = outward[rows].astype(self.weights[0].dtype)[None] / len(self.weights[0])
            for i in range(len(self.weights) - 1, -1, -1):
                inward = inward @ self.weights[i].transpose(0, 2, 1)
                if i:
                    inward = inward * (layers[i] > 0)
            out[rows] = inward.sum(axis=0)
        return np.asarray(out / self.divisor)

    def pick(self, k: int) -> Networks:
        """The k-th network alone."""
        weights, biases = (tuple(a[k : k + 1] for a in arrays) for arrays in (self.weights, self.biases))
        return self._replace(weights=weights, biases=biases)


def train(
    inputs: Inputs,
    targets: Array,
    recipe: Recipe,
    rng: np.random.Generator,
    subsets: Array | None = None,
) -> Networks:
    """Train K networks at once. targets: (n,) int labels, (n, c) probabilities, or (n,) float values.

    subsets: (K, n) bool, the rows each network learns from; None trains one on all rows.
    Each network goes through its own rows again and again, each time in a new order, for as many steps as the one
    with the most rows needs for `epochs`. Deterministic by rng, whatever the number of cores.
    Initial weights are uniform within 1 / sqrt(inputs of the layer) (LeCun et al., Efficient BackProp, 1998); Adam is
    arXiv 1412.6980.
    Raises ConfigError where targets do not match the inputs, labels are negative, or a network has no rows.
    """
    targets = np.asarray(targets)
    rows = _rows(len(inputs), targets, subsets)
    scale = Scale.fit(matrix(inputs), recipe.centred)
    x = scale.prepare(inputs).astype(np.float32)
    values = targets.ndim == 1 and np.issubdtype(targets.dtype, np.floating)
    goal = Goal.of(targets, values)
    seeds = rng.integers(2**63, size=len(rows))
    groups = _groups(len(rows), Shape.of(x.shape[1], recipe, goal.outputs, 1).size)

    longest = max(r.size for r in rows)
    # A batch larger than the rows would only repeat them.
    recipe = msgspec.structs.replace(recipe, batch=min(recipe.batch, longest))

    def fit(group: Array) -> list[Array]:
        trainer = Trainer(x, goal, recipe, [rows[k] for k in group], seeds[group])
        return trainer.fit(-(-longest * recipe.epochs // recipe.batch))

    fitted = _in_threads(fit, groups)
    layers = len(recipe.hidden) + 1
    params = [np.concatenate([f[i] for f in fitted]) for i in range(2 * layers)]
    weights, biases = params[:layers], params[layers:]
    if values:
        weights[-1] = weights[-1].astype(np.float64) * goal.divisor
        biases[-1] = biases[-1].astype(np.float64) * goal.divisor + goal.shift
    return Networks(tuple(weights), tuple(biases), scale.shift, scale.divisor, "regressor" if values else "classifier")


def _rows(n: int, targets: Array, subsets: Array | None) -> list[Array]:
    """The row numbers of each network."""
    if n == 0:
        raise ConfigError(NOTHING_TOLD)
    if len(targets) != n or targets.ndim > 2 or (np.issubdtype(targets.dtype, np.integer) and targets.min() < 0):
        raise ConfigError(f"expected {n} labels >= 0, probabilities or values, got {targets.dtype} {targets.shape}")
    if subsets is None:
        return [np.arange(n)]
    rows = [np.flatnonzero(s) for s in np.asarray(subsets, bool)]
    if np.shape(subsets)[1:] != (n,) or not rows or min(r.size for r in rows) == 0:
        raise ConfigError(f"expected subsets (K, {n}) with one row or more each, got {np.shape(subsets)}")
    return rows


def _groups(networks: int, size: int) -> list[Array]:
    """Networks that are trained in step: enough to keep threads from queueing for the interpreter, few enough for
    the cache.
    """
    count = -(-networks // max(_GROUP_FLOATS // size, 1))
    # A multiple of the cores, so that none idles at the end.
    count = min(-(-count // _cores()) * _cores(), networks)
    return np.array_split(np.arange(networks), count)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Small products lose more in handing work over than a second BLAS thread gains."""
    try:
        limits: AbstractContextManager[Any] = importlib.import_module("threadpoolctl").threadpool_limits(1, "blas")
    except ImportError:
        return nullcontext()
    return limits


def _in_threads(fit: Callable[[Array], list[Array]], groups: list[Array]) -> list[list[Array]]:
    with _one_blas_thread():
        if len(groups) == 1:
            return [fit(groups[0])]
        with ThreadPoolExecutor(min(_cores(), len(groups))) as pool:
            return list(pool.map(fit, groups))
