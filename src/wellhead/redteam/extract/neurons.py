"""The search for the hidden neurons of a ReLU network: kinks along lines, gradients beside them, what is left over."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.event import Answer
from wellhead.redteam.extract.exact import Notes, Told
from wellhead.redteam.extract.kinks import Line

_GRID = 128
_STEP = 1e-3
_SLACK = 1e-10
_SLACK_BESIDE_KNOWN = 1e-8
_NARROW = 1e-9
_LEVELS = 40
_MOST_OPEN = 4000
_RANK_ONE = 1e-3
_SAME = 1e-10
_NOISY = 1e-8


class Gradient(NamedTuple):
    """Values (f + 1, m) at a point and a step from it along each axis; points: (f + 1, f)."""

    points: Array
    values: Array


class Layer:
    """The neurons so far, in units of the box. hidden: (h, f) of length one.  offsets: (h,).

    jumps: (h, m), by how much the slope along `hidden` changes where the neuron wakes.
    """

    def __init__(self, features: int, outputs: int) -> None:
        self.hidden: Array = np.zeros((0, features))
        self.offsets: Array = np.zeros(0)
        self.jumps: Array = np.zeros((0, outputs))

    def waking(self, points: Array) -> Array:
        """(n, h)."""
        return np.maximum(points @ self.hidden.T + self.offsets, 0.0)

    def without(self, points: Array, values: Array) -> Array:
        """(n, m): the values less what the neurons add."""
        return np.asarray(values - self.waking(points) @ self.jumps)

    def slopes(self, gradient: Gradient) -> Array:
        """(f, m): the gradient of what the neurons do not explain."""
        left = self.without(*gradient)
        steps = np.diag(gradient.points[1:] - gradient.points[0])
        return np.asarray((left[1:] - left[0]) / steps[:, None])

    def add(self, change: Array, at: Array) -> bool:
        """Take in the neuron over whose hyperplane, which passes through `at`, the gradient changes by (f, m).

        False where the change is not that of one neuron.
        """
        if not np.isfinite(change).all():
            return False
        left, sizes, _ = np.linalg.svd(change, full_matrices=False)
        if sizes[0] < 1e-9 or (sizes.size > 1 and sizes[1] > _RANK_ONE * sizes[0]):
            return False
        direction = left[:, 0]
        self.hidden = np.vstack([self.hidden, direction])
        self.offsets = np.append(self.offsets, -direction @ at)
        # ReLU(-z) = ReLU(z) - z: a wrong sign moves into the linear part.
        self.jumps = np.vstack([self.jumps, direction @ change])
        return True


class Search:
    """Lines through the box; `reach` times as far where questions may leave it."""

    def __init__(self, notes: Notes, reach: float, rng: np.random.Generator) -> None:
        self._notes, self._reach, self._rng = notes, reach, rng
        self._gradients: list[Gradient] = []
        self.layer = Layer(notes.free.size, notes.values[-1].shape[1])

    def line(self) -> Generator[Inputs, Answer, int]:
        """Search one line; how many neurons it showed."""
        start, end = self._ends()
        line = Line(self.layer.jumps.shape[1], _SLACK_BESIDE_KNOWN if len(self.layer.jumps) else _SLACK, _NARROW)
        t = np.linspace(0, 1, _GRID)
        for _ in range(_LEVELS):
            points = start + t[:, None] * (end - start)
            values = yield from self._notes.ask(points)
            noise = self._notes.noise[-1]
            left = np.where(noise[:, None] < _NOISY, self.layer.without(points, values), np.nan)
            line.add(t, left, noise)
            t = line.ask()
            if not 0 < t.size <= _MOST_OPEN:
                break
        return (yield from self._neurons(line.kinks(), start, end))

    def _ends(self) -> tuple[Array, Array]:
        """A line from near a corner of the box to near the opposite one, towards what is not explained yet."""
        size = self._notes.free.size
        along = self._rng.normal(size=size) + self._rng.normal()
        if self._gradients:
            lefts = [self.layer.slopes(g) for g in self._gradients[-4:]]
            left = max(lefts, key=lambda slopes: float(np.abs(slopes).max()))
            towards = left @ self._rng.normal(size=left.shape[1])
            if np.abs(towards).max() > 1e-6:
                along = towards + 0.2 * towards.std() * self._rng.normal(size=size)
        corner = np.where(along > 0, self._reach, -self._reach)
        return corner * self._rng.uniform(0.7, 1, size), -corner * self._rng.uniform(0.7, 1, size)

    def look(self, point: Array) -> Generator[Inputs, Answer, None]:
        """Ask the gradient at a point (f,), for the lines to come."""
        yield from self._ask_gradients(point[None], np.array([_STEP]))

    def _ask_gradients(self, base: Array, steps: Array) -> Generator[Inputs, Answer, list[Gradient]]:
        """Forward differences, towards the middle of the box. base: (n, f).  steps: (n,)."""
        size = base.shape[1]
        towards = np.where(base > 0, -steps[:, None], steps[:, None])
        points = np.concatenate([base[:, None], base[:, None] + np.eye(size) * towards[:, None]], axis=1)
        values = yield from self._notes.ask(points.reshape(-1, size))
        told = values.reshape(len(base), size + 1, -1)
        gradients = [Gradient(p, v) for p, v in zip(points, told, strict=True)]
        self._gradients.extend(g for g in gradients if np.isfinite(g.values).all())
        return gradients

    def _neurons(self, kinks: Array, start: Array, end: Array) -> Generator[Inputs, Answer, int]:
        """Between two kinks the gradient is the same all along: one for each stretch tells of all kinks."""
        if not kinks.size:
            return 0
        edges = np.concatenate([[0.0], kinks, [1.0]])
        middles = start + ((edges[1:] + edges[:-1]) / 2)[:, None] * (end - start)
        lengths = np.diff(edges) * float(np.linalg.norm(end - start))
        gradients = yield from self._ask_gradients(middles, np.minimum(_STEP, lengths / 8))
        changes = np.diff([self.layer.slopes(g) for g in gradients], axis=0)
        return sum(self.layer.add(change, start + t * (end - start)) for t, change in zip(kinks, changes, strict=True))
