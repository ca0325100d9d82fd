"""The training of perceptrons, a group of them in step, in buffers that are allocated once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.errors import ConfigError

_MOMENTUM, _FORGETTING = 0.9, 0.999
_EPSILON = 1e-8
_AHEAD = 64


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a perceptron is trained: ReLU layers, Adam, cross-entropy (squared error for values).

    hidden: width of each hidden layer; none makes it linear.  decay: L2 penalty on weights, not on biases.
    centred: inputs of like ranges, such as pixels, are centred, which is easier to learn from; otherwise those in
    [0, 1] are taken as they are.
    Raises ConfigError where a width, epochs, batch or rate is not positive.
    """

    hidden: tuple[int, ...] = (128,)
    epochs: int = 100
    batch: int = 32
    rate: float = 1e-3
    decay: float = 0.0
    centred: bool = False

    def __post_init__(self) -> None:
        if min(*self.hidden, self.epochs, self.batch, 1) < 1 or not self.rate > 0 or not self.decay >= 0:
            raise ConfigError(f"expected positive widths, epochs, batch and rate, and decay >= 0, got {self}")


class Goal(NamedTuple):
    """What is learnt: `labels` alone, or `soft` rows whose distance from the output is the gradient."""

    outputs: int
    labels: Array | None
    soft: Array | None
    values: bool
    shift: float
    divisor: float

    @classmethod
    def of(cls, targets: Array, values: bool) -> Goal:
        if values:
            shift, spread = float(targets.mean()), float(targets.std())
            constant = spread <= 1e-12 * max(abs(shift), 1.0)
            soft = np.zeros((len(targets), 1)) if constant else ((targets - shift) / spread)[:, None]
            return cls(1, None, soft.astype(np.float32), True, shift, 0.0 if constant else spread)
        if targets.ndim == 2:
            return cls(targets.shape[1], None, targets.astype(np.float32), False, 0.0, 1.0)
        return cls(int(targets.max()) + 1, targets.astype(np.int64), None, False, 0.0, 1.0)


class Shape(NamedTuple):
    """Where each layer lies in one flat buffer: all weights, then all biases."""

    parts: list[tuple[int, int, int]]
    size: int
    weights: int

    @classmethod
    def of(cls, features: int, recipe: Recipe, outputs: int, networks: int) -> Shape:
        widths = [features, *recipe.hidden, outputs]
        weights = [(networks, a, b) for a, b in pairwise(widths)]
        biases = [(networks, 1, b) for b in widths[1:]]
        sizes = [k * a * b for k, a, b in weights + biases]
        return cls(weights + biases, sum(sizes), sum(sizes[: len(weights)]))

    def views(self, flat: Array) -> list[Array]:
        ends = np.cumsum([k * a * b for k, a, b in self.parts])
        return [part.reshape(s) for part, s in zip(np.split(flat, ends[:-1]), self.parts, strict=True)]


def _draws(own: Array, count: int, rng: np.random.Generator) -> Iterator[Array]:
    """Endlessly `count` rows at a time, all of them once before any comes again."""
    left = own[:0]
    while True:
        while left.size < count:
            left = np.concatenate([left, rng.permutation(own)])
        yield left[:count]
        left = left[count:]


class Trainer:
    """Trains a group of networks in step, in buffers that are allocated once."""

    def __init__(self, x: Array, goal: Goal, recipe: Recipe, rows: list[Array], seeds: Array) -> None:
        self.x, self.goal, self.recipe, self.rows = x, goal, recipe, rows
        k, self.depth = len(rows), len(recipe.hidden) + 1
        self.batch = recipe.batch
        self.shape = Shape.of(x.shape[1], recipe, goal.outputs, k)
        self.params, self.grads, self.first, self.second = (np.zeros(self.shape.size, np.float32) for _ in range(4))
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
        for w, b in zip(self.layers[: self.depth], self.layers[self.depth :], strict=True):
            for k, rng in enumerate(self.rngs):
                for part in (w, b):
                    part[k] = (2 * rng.random(part.shape[1:], np.float32) - 1) / np.sqrt(w.shape[1])

    def fit(self, steps: int) -> list[Array]:
        """Weights and biases after so many steps."""
        draws = [_draws(r, self.batch * _AHEAD, rng) for r, rng in zip(self.rows, self.rngs, strict=True)]
        scale, order = 1.0, np.zeros((0, 0, 0), np.int64)
        for step in range(steps):
            if step % _AHEAD == 0:
                order = np.stack([next(d) for d in draws]).reshape(len(draws), _AHEAD, self.batch)
                scale = self._renorm(scale)
            scale /= _MOMENTUM
            self._slopes(order[:, step % _AHEAD], scale)
            self._adam(step + 1, scale)
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

    def _adam(self, step: int, scale: float) -> None:
        """One step. The first moment is kept times `scale`, the second times its square: a pass less over the first."""
        g, first, second = self.grads, self.first, self.second
        first += g
        np.multiply(g, g, out=g)
        second *= np.float32(_FORGETTING / _MOMENTUM**2)
        second += g
        np.sqrt(second, out=g)
        unbias = np.sqrt((1 - _FORGETTING**step) / (1 - _FORGETTING))
        g += np.float32(_EPSILON * unbias * scale)
        np.divide(first, g, out=g)
        g *= np.float32(self.recipe.rate * unbias * (1 - _MOMENTUM) / (1 - _MOMENTUM**step))
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
