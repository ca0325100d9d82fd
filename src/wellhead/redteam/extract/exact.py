"""What attacks that solve for a model share: float64 questions inside the box, answers as a function to solve."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Clone, Extraction, answered, join, join_inputs, length, scored, take, take_inputs
from wellhead.redteam.precision import Precision, precision_of

_LEAST = 1e-290
_NOISY = 1e-8

Told: TypeAlias = Generator[Inputs, Answer, Array]
"""A stage of a conversation that ends with values (n, m)."""


class Silence(Exception):
    """Nothing more is answered, or may be asked."""


def linked(answer: Answer) -> Array:
    """(n, m): the scores as a linear last layer made them; NaN where there are none, or where they are saturated.

    Values and logits as they are; probabilities of k classes as k - 1 log-odds against class 0.
    """
    if answer.values is not None:
        return answer.values[:, None]
    if answer.scores is None or not answer.kind.has_scores:
        return np.full((length(answer), 1), np.nan)
    if answer.kind == Exposure.LOGITS:
        return answer.scores
    p = np.where(answer.scores > _LEAST, answer.scores, np.nan)
    return np.asarray(np.log(p[:, 1:]) - np.log(p[:, :1]))


def noise_of(answer: Answer) -> Array:
    """(n,): how far `linked` may be off by float64 alone. A sigmoid's other class is told as 1 - p, to 1e-16 and not
    to 16 digits.
    """
    if answer.kind != Exposure.PROBABILITIES or answer.scores is None or answer.scores.shape[1] != 2:
        return np.zeros(length(answer))
    return np.asarray(np.finfo(np.float64).eps / np.maximum(answer.scores.min(axis=1), _LEAST))


def _runs(points: Array, rng: np.random.Generator) -> Array:
    """Points (n, f) of runs of features that are equal, more and more at a bound: neighbours often move together."""
    cut = rng.random(points.shape) < rng.random((len(points), 1))
    cut[:, :1] = True
    first = np.maximum.accumulate(np.where(cut, np.arange(points.shape[1]), 0), axis=1)
    # Just short of the bounds, so that no two points are equal.
    most = 1.0 - 1e-3 * rng.random((len(points), 1))
    pushed = np.clip(points / (1.0 - rng.random((len(points), 1))), -most, most)
    return np.asarray(np.take_along_axis(pushed, first, axis=1))


class Notes:
    """One conversation, in units of the box: each feature that is free to move runs from -1 to 1.

    low, high: (d,) bounds; a feature whose bounds are equal stays where it is.  rows: the most to ask.
    points, values, noise: (n, f), (n, m) and (n,) of each round.  labels: (n,) of the last, -1 where not answered.
    """

    def __init__(self, low: Array, high: Array, shape: tuple[int, ...], rows: int) -> None:
        self.centre, self.half = (low + high) / 2.0, (high - low) / 2.0
        self.free = np.flatnonzero(self.half > 0)
        self._shape, self._rows = shape, rows
        self._asked: list[Inputs] = []
        self._told: list[Answer] = []
        self.points: list[Array] = []
        self.values: list[Array] = []
        self.noise: list[Array] = []
        self.labels: Array = np.zeros(0, np.int64)

    @property
    def left(self) -> int:
        """Rows that may still be asked."""
        return self._rows - sum(map(len, self.points))

    def inputs(self, points: Array) -> Inputs:
        """(n, ...) float64 of points (n, f)."""
        flat = np.tile(self.centre, (len(points), 1))
        flat[:, self.free] += points * self.half[self.free]
        return flat.reshape(len(points), *self._shape)

    def unit(self, inputs: Inputs) -> Array:
        """(n, f) points of inputs."""
        flat = np.asarray(inputs, np.float64).reshape(len(inputs), self.half.size)[:, self.free]
        return np.asarray((flat - self.centre[self.free]) / self.half[self.free])

    def ask(self, points: Array) -> Told:
        """The values at points (n, f); raises Silence where nothing is answered or the rows do not suffice."""
        if not 0 < len(points) <= self.left:
            raise Silence
        inputs = self.inputs(points)
        answer = yield inputs
        heard = answered(answer)
        if not heard.any():
            raise Silence
        self._asked.append(take_inputs(inputs, heard))
        self._told.append(take(answer, heard))
        self.points.append(points)
        self.values.append(linked(answer))
        self.labels = answer.top1 if answer.top1 is not None else np.full(len(points), -1)
        self.noise.append(noise_of(answer))
        return self.values[-1]

    def drawn(self, rows: int, pool: Array, rng: np.random.Generator) -> Array:
        """(rows, f) points: uniform, towards corners of every brightness, on faces of the box, of runs of equal
        features, and a quarter from the pool.
        """
        points = rng.uniform(-1, 1, (rows, self.free.size))
        half, part = rows // 2, -(-rows // 6)
        corners = np.where(rng.random((half, self.free.size)) < rng.random((half, 1)), 1.0, -1.0)
        points[:half] = corners * rng.random((half, 1))
        bound = np.where(rng.random((part, 1)) < 0.5, -1.0, 1.0)
        faces = points[half : half + part]
        points[half : half + part] = np.where(rng.random(faces.shape) < rng.random((part, 1)), bound, faces)
        points[-part:] = _runs(points[-part:], rng)
        some = rng.permutation(len(pool))[: rows // 4]
        if some.size:
            points[-some.size :] = self.unit(take_inputs(pool, some))
        return points

    @property
    def last(self) -> Answer:
        """What was told last, without rows that got no answer."""
        return self._told[-1]

    @property
    def form(self) -> str:
        """`value`, `logits` or `probabilities`."""
        return "value" if self.last.values is not None else self.last.kind.name.lower()

    @property
    def classes(self) -> int:
        """Columns of the scores, 1 for values."""
        return 1 if self.last.scores is None else self.last.scores.shape[1]

    def shares(self) -> tuple[Array, Array]:
        """Points and what was told of them, saturated rows too: probabilities that sum to one, logits or values."""
        told = join(self._told)
        points = np.concatenate([self.unit(inputs) for inputs in self._asked])
        if told.values is not None:
            return points, told.values[:, None]
        if told.scores is None:
            raise Unsuited("needs all scores, the answers carry less")
        rows = scored(told)
        scores = told.scores[rows]
        if told.kind == Exposure.PROBABILITIES:
            sums = scores.sum(axis=1, keepdims=True)
            scores = scores / np.where(sums > 0, sums, 1.0)
        return points[rows], scores

    def precision(self) -> Precision:
        """Of all that was told; raises Unsuited where there are no scores."""
        told = join(self._told)
        if told.values is not None:
            return precision_of(told.values)
        rows = scored(told)
        if told.scores is None or not rows.any():
            raise Unsuited("needs all scores, the answers carry less")
        return precision_of(told.scores[rows])

    def heard(self) -> tuple[Array, Array, Array]:
        """Points, values and noise of all rows whose values are known well."""
        points, values, noise = (np.concatenate(part) for part in (self.points, self.values, self.noise))
        known = np.isfinite(values).all(axis=1) & (noise < _NOISY)
        return points[known], values[known], noise[known]

    def outward(self, slope: Array, offset: Array) -> tuple[Array, Array]:
        """(m, d), (m,): slopes and offsets on points, (m, f) and (m,), as slopes and offsets on inputs."""
        full = np.zeros((len(slope), self.half.size))
        full[:, self.free] = slope / self.half[self.free]
        return full, offset - full @ self.centre

    def extraction(self, clone: Clone | None, detail: str) -> Extraction:
        """The result."""
        return Extraction(inputs=join_inputs(self._asked), answer=join(self._told), clone=clone, detail=detail)
