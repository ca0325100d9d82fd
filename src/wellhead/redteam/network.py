"""Perceptrons trained many at a time in numpy: clones, shadow models, and the gradients that attacks follow."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores
from wellhead.core.errors import ConfigError
from wellhead.redteam.clone import NOTHING_TOLD, Scale, matrix

_MOMENTUM, _FORGETTING = 0.9, 0.999
_TINY = 1e-16
_RENORM = 64
_GROUP_FLOATS = 2**19
_BLOCK_FLOATS = 2**22


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a perceptron is trained: ReLU layers, Adam, cross-entropy (squared error for values).

    hidden: width of each hidden layer; none makes it linear.  decay: L2 penalty on weights, not on biases.
    Raises ConfigError where a width, epochs, batch or rate is not positive.
    """

    hidden: tuple[int, ...] = (128,)
    epochs: int = 100
    batch: int = 32
    rate: float = 1e-3
    decay: float = 0.0

    def __post_init__(self) -> None:
        if min(*self.hidden, self.epochs, self.batch, 1) < 1 or not self.rate > 0 or not self.decay >= 0:
            raise ConfigError(f"expected positive widths, epochs, batch and rate, and decay >= 0, got {self}")


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
    He's initial weights (arXiv 1502.01852), Adam (arXiv 1412.6980).
    Raises ConfigError where targets do not match the inputs, labels are negative, or a network has no rows.
    """
    targets = np.asarray(targets)
    rows = _rows(len(inputs), targets, subsets)
    scale = Scale.fit(matrix(inputs))
    x = scale.prepare(inputs).astype(np.float32)
    values = targets.ndim == 1 and np.issubdtype(targets.dtype, np.floating)
    goal = _Goal.of(targets, values)
    seeds = rng.integers(2**63, size=len(rows))
    groups = _groups(len(rows), _Shape.of(x.shape[1], recipe, goal.outputs, 1).size)

    longest = max(r.size for r in rows)
    # A batch larger than the rows would only repeat them.
    recipe = msgspec.structs.replace(recipe, batch=min(recipe.batch, longest))

    def fit(group: Array) -> list[Array]:
        trainer = _Trainer(x, goal, recipe, [rows[k] for k in group], seeds[group])
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


class _Goal(NamedTuple):
    """What is learnt: `labels` alone, or `soft` rows whose distance from the output is the gradient."""

    outputs: int
    labels: Array | None
    soft: Array | None
    values: bool
    shift: float
    divisor: float

    @classmethod
    def of(cls, targets: Array, values: bool) -> _Goal:
        if values:
            shift, spread = float(targets.mean()), float(targets.std())
            constant = spread <= 1e-12 * max(abs(shift), 1.0)
            soft = np.zeros((len(targets), 1)) if constant else ((targets - shift) / spread)[:, None]
            return cls(1, None, soft.astype(np.float32), True, shift, 0.0 if constant else spread)
        if targets.ndim == 2:
            return cls(targets.shape[1], None, targets.astype(np.float32), False, 0.0, 1.0)
        return cls(int(targets.max()) + 1, targets.astype(np.int64), None, False, 0.0, 1.0)


class _Shape(NamedTuple):
    """Where each layer lies in one flat buffer: all weights, then all biases."""

    parts: list[tuple[int, int, int]]
    size: int
    weights: int

    @classmethod
    def of(cls, features: int, recipe: Recipe, outputs: int, networks: int) -> _Shape:
        widths = [features, *recipe.hidden, outputs]
        weights = [(networks, a, b) for a, b in pairwise(widths)]
        biases = [(networks, 1, b) for b in widths[1:]]
        sizes = [k * a * b for k, a, b in weights + biases]
        return cls(weights + biases, sum(sizes), sum(sizes[: len(weights)]))

    def views(self, flat: Array) -> list[Array]:
        ends = np.cumsum([k * a * b for k, a, b in self.parts])
        return [part.reshape(s) for part, s in zip(np.split(flat, ends[:-1]), self.parts, strict=True)]


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


def _draws(own: Array, count: int, rng: np.random.Generator) -> Iterator[Array]:
    """Endlessly `count` rows at a time, all of them once before any comes again."""
    left = own[:0]
    while True:
        while left.size < count:
            left = np.concatenate([left, rng.permutation(own)])
        yield left[:count]
        left = left[count:]


class _Trainer:
    """Trains a group of networks in step, in buffers that are allocated once."""

    def __init__(self, x: Array, goal: _Goal, recipe: Recipe, rows: list[Array], seeds: Array) -> None:
        self.x, self.goal, self.recipe, self.rows = x, goal, recipe, rows
        k, self.depth = len(rows), len(recipe.hidden) + 1
        self.batch = recipe.batch
        self.shape = _Shape.of(x.shape[1], recipe, goal.outputs, k)
        self.params, self.grads, self.first, self.second = (np.zeros(self.shape.size, np.float32) for _ in range(4))
        self.second += _TINY
        self.layers, self.slopes = self.shape.views(self.params), self.shape.views(self.grads)
        widths = [x.shape[1], *recipe.hidden, goal.outputs]
        self.acts = [np.zeros((k, self.batch, w), np.float32) for w in widths]
        self.deltas = [np.zeros_like(a) for a in self.acts]
        self.masks = [np.zeros(a.shape, bool) for a in self.acts]
        self.soft = np.zeros_like(self.acts[-1])
        self.line = np.zeros((k, self.batch, 1), np.float32)
        self.offsets = np.arange(k * self.batch) * goal.outputs
        self.rngs = [np.random.default_rng(int(s)) for s in seeds]
        self._initialise()

    def _initialise(self) -> None:
        for i, w in enumerate(self.layers[: self.depth]):
            gain = 2.0 if i + 1 < self.depth else 1.0
            for k, rng in enumerate(self.rngs):
                w[k] = rng.standard_normal(w.shape[1:], np.float32) * np.sqrt(gain / w.shape[1])

    def fit(self, steps: int) -> list[Array]:
        """Weights and biases after so many steps."""
        draws = [_draws(r, self.batch * 64, rng) for r, rng in zip(self.rows, self.rngs, strict=True)]
        scale, order = 1.0, np.zeros((0, 0, 0), np.int64)
        for step in range(steps):
            if step % 64 == 0:
                order = np.stack([next(d) for d in draws]).reshape(len(draws), 64, self.batch)
            scale = self._renorm(scale) if step % _RENORM == 0 else scale
            scale /= _MOMENTUM
            self._slopes(order[:, step % 64], scale)
            self._adam(step + 1)
        return self.layers

    def _slopes(self, picked: Array, scale: float) -> None:
        """The loss's gradient on these rows, times `scale`, into the buffer."""
        acts, deltas, depth = self.acts, self.deltas, self.depth
        np.take(self.x, picked, axis=0, out=acts[0], mode="clip")
        for i in range(depth):
            np.matmul(acts[i], self.layers[i], out=acts[i + 1])
            acts[i + 1] += self.layers[depth + i]
            if i + 1 < depth:
                np.maximum(acts[i + 1], 0, out=acts[i + 1])
        self._outward(picked, scale)
        for i in range(depth - 1, -1, -1):
            np.matmul(acts[i].transpose(0, 2, 1), deltas[i + 1], out=self.slopes[i])
            np.add.reduce(deltas[i + 1], axis=1, keepdims=True, out=self.slopes[depth + i])
            if i:
                np.matmul(deltas[i + 1], self.layers[i].transpose(0, 2, 1), out=deltas[i])
                np.greater(acts[i], 0, out=self.masks[i])
                np.multiply(deltas[i], self.masks[i], out=deltas[i])
        if self.recipe.decay:
            self.grads[: self.shape.weights] += (self.recipe.decay * scale) * self.params[: self.shape.weights]

    def _outward(self, picked: Array, scale: float) -> None:
        """The gradient by the logits: probabilities less targets, or values less targets."""
        delta = self.acts[-1]
        if not self.goal.values:
            np.maximum.reduce(delta, axis=2, keepdims=True, out=self.line)
            delta -= self.line
            np.exp(delta, out=delta)
            np.add.reduce(delta, axis=2, keepdims=True, out=self.line)
            delta /= self.line
        if self.goal.labels is not None:
            delta.reshape(-1)[self.offsets + self.goal.labels[picked].reshape(-1)] -= 1
        elif self.goal.soft is not None:
            delta -= np.take(self.goal.soft, picked, axis=0, out=self.soft, mode="clip")
        np.multiply(delta, np.float32(scale / self.batch), out=self.deltas[-1])

    def _adam(self, step: int) -> None:
        """One step. Both moments are kept times 1 / momentum**steps, which saves the pass that shrinks the first."""
        g, first, second = self.grads, self.first, self.second
        first += g
        np.multiply(g, g, out=g)
        second *= np.float32(_FORGETTING / _MOMENTUM**2)
        second += g
        np.sqrt(second, out=g)
        np.divide(first, g, out=g)
        unbias = np.sqrt((1 - _FORGETTING**step) / (1 - _FORGETTING)) * (1 - _MOMENTUM) / (1 - _MOMENTUM**step)
        g *= np.float32(self.recipe.rate * unbias)
        self.params -= g

    def _renorm(self, scale: float) -> float:
        """Back to scale 1, before the moments grow out of float32."""
        self.first /= np.float32(scale)
        self.second /= np.float32(scale**2)
        # Numbers too small for float32's full precision are slow, and mean nothing here.
        self.first += np.float32(1e-20)
        self.first -= np.float32(1e-20)
        np.maximum(self.second, np.float32(1e-30), out=self.second)
        return 1.0
