"""The search for the hidden neurons of a ReLU network: kinks along lines, gradients beside them, what is left over."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.event import Answer
from wellhead.redteam.extract.exact import Notes
from wellhead.redteam.extract.kinks import Line

_GRID = 128
_STEP = 2e-4
_AGREED = 1e-6
_FEW = 3
_NOTHING = 1e-7
_SLACK = 1e-10
_SLACK_BESIDE_KNOWN = 1e-8
_NARROW = 1e-9
_LEVELS = 40
_MOST_OPEN = 4000
_RANK_ONE = 1e-6
_SAME = 1e-7
_NOISY = 1e-8
_OTHER = 1e-6
_APART = 1e-3
_NEAREST = 3


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
        return np.asarray(np.maximum(points @ self.hidden.T + self.offsets, 0.0))

    def without(self, points: Array, values: Array) -> Array:
        """(n, m): the values less what the neurons add."""
        return np.asarray(values - self.waking(points) @ self.jumps)

    def passes(self, points: Array) -> Array:
        """(n,) bool: points on the hyperplane of a neuron."""
        off = np.abs(points @ self.hidden.T + self.offsets)
        return np.asarray((off < _SAME * (1 + np.abs(points).max(axis=1, keepdims=True))).any(axis=1))

    def slopes(self, gradient: Gradient) -> Array:
        """(f, m): the gradient of what the neurons do not explain."""
        left = self.without(*gradient)
        steps = np.diag(gradient.points[1:] - gradient.points[0])
        return np.asarray((left[1:] - left[0]) / steps[:, None])

    def add(self, change: Array, at: Array, along: Array) -> bool:
        """Take in the neuron whose hyperplane passes through `at` and over which the gradient changes by (f, m),
        on the way `along`.

        False where the change is not that of one neuron.
        """
        if not np.isfinite(change).all():
            return False
        left, sizes, _ = np.linalg.svd(change, full_matrices=False)
        if sizes[0] < 1e-9 or (sizes.size > 1 and sizes[1] > _RANK_ONE * sizes[0]):
            return False
        # ReLU(-z) = ReLU(z) - z: either sign will do, and the rest is in the linear part.
        direction = left[:, 0] * np.where(left[:, 0] @ along < 0, -1.0, 1.0)
        offset, jump = -direction @ at, direction @ change
        same = np.abs(self.hidden @ direction) > 1 - _SAME
        same &= np.abs(self.offsets - (self.hidden @ direction) * offset) < _SAME * (1 + np.abs(offset))
        if same.any():
            self.jumps[same.argmax()] += jump
            return False
        self.hidden = np.vstack([self.hidden, direction])
        self.offsets, self.jumps = np.append(self.offsets, offset), np.vstack([self.jumps, jump])
        return True

    def prune(self) -> None:
        """Drop what was taken back: a mistaken neuron and its correction add up to nothing."""
        sizes = np.abs(self.jumps).max(axis=1, initial=0.0)
        kept = sizes > _NOTHING * sizes.max(initial=0.0)
        self.hidden, self.offsets, self.jumps = self.hidden[kept], self.offsets[kept], self.jumps[kept]


class Search:
    """Lines through the box; `reach` times as far where questions may leave it.

    bent: neurons of which the last line showed that they are not of the first layer.
    doubt: the point last looked at, where what is known errs; None at first.
    """

    def __init__(self, notes: Notes, reach: float, rng: np.random.Generator) -> None:
        self._notes, self._reach, self._rng = notes, reach, rng
        self._gradients: list[Gradient] = []
        self.bent, self._stuck = 0, False
        self.doubt: Array | None = None
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
        shown = yield from self._neurons(line, start, end)
        self._stuck = shown < _FEW and not self._stuck
        return shown

    def _ends(self) -> tuple[Array, Array]:
        """A line from near a corner of the box to near the opposite one, towards what is not explained yet."""
        size = self._notes.free.size
        if self.doubt is not None and self._stuck:
            return self._through(self.doubt, self._against(self.doubt))
        along = self._rng.normal(size=size) + self._rng.normal()
        left = self._unexplained()
        if np.abs(left).max(initial=0.0) > 1e-6:
            towards = left @ self._rng.normal(size=left.shape[1])
            along = towards + 0.2 * towards.std() * self._rng.normal(size=size)
        corner = np.where(along > 0, self._reach, -self._reach)
        return corner * self._rng.uniform(0.7, 1, size), -corner * self._rng.uniform(0.7, 1, size)

    def _against(self, point: Array) -> Array:
        """(f,): a point near this one whose unexplained gradient is another: an unknown neuron wakes between them."""
        slopes = np.array([self.layer.slopes(g) for g in self._gradients]).reshape(len(self._gradients), -1)
        places = np.array([g.points[0] for g in self._gradients])
        away = np.linalg.norm(places - point, axis=1)
        off = np.abs(slopes - slopes[away.argmin()]).max(axis=1)
        other = np.flatnonzero((off > _OTHER * (1 + np.abs(slopes).max())) & (away > _APART))
        if not other.size:
            return self._rng.uniform(-1, 1, point.size)
        return np.asarray(places[self._rng.choice(other[away[other].argsort()[:_NEAREST]])])

    def _through(self, one: Array, other: Array) -> tuple[Array, Array]:
        """The line through two points, as far as it is in reach."""
        along = other - one
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.sort((np.array([[-self._reach], [self._reach]]) - one) / along, axis=0)
        return one + min(np.nanmax(ends[0]), 0.0) * along, one + max(np.nanmin(ends[1]), 1.0) * along

    def _unexplained(self) -> Array:
        """(f, m): of the gradients seen last, the largest rest that the neurons leave, whatever their signs."""
        recent = self._gradients[-4:]
        slopes = np.array([self.layer.slopes(g) for g in recent])
        alone = self.layer.hidden[:, :, None] * self.layer.jumps[:, None, :]
        flat = slopes.reshape(len(recent), -1)
        basis = alone.reshape(len(alone), flat.shape[1])
        rest = flat - np.linalg.lstsq(basis.T, flat.T, rcond=None)[0].T @ basis
        return np.asarray(rest[np.abs(rest).max(axis=1).argmax()].reshape(slopes.shape[1:]))

    @property
    def hopeless(self) -> bool:
        """True where too many hyperplanes bend for a network of one hidden layer."""
        return self.bent > max(_FEW, len(self.layer.hidden) // 4)

    def look(self, point: Array) -> Generator[Inputs, Answer, None]:
        """Ask the gradient at a point (f,), for the lines to come."""
        self.doubt = point
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

    def _neurons(self, line: Line, start: Array, end: Array) -> Generator[Inputs, Answer, int]:
        """Between two kinks the gradient is the same all along: one for each stretch tells of all kinks."""
        along, kinks = end - start, line.kinks()
        again = self.layer.passes(start + kinks[:, None] * along)
        # What a neuron adds is taken off everywhere: a kink that stays on its hyperplane says that this one bends.
        self.bent = int(again.sum())
        if not kinks.size or self.hopeless:
            return 0
        edges = np.concatenate([[0.0], kinks, [1.0]])
        middles = start + ((edges[1:] + edges[:-1]) / 2)[:, None] * along
        lengths = np.diff(edges) * float(np.linalg.norm(along))
        gradients = yield from self._ask_gradients(middles, np.minimum(_STEP, lengths / 32))
        slopes = np.array([self.layer.slopes(g) for g in gradients])
        # A step that crossed a kink shows: the gradient along the line is not the line's own slope.
        chords = line.slopes(edges)
        off = np.abs(along @ slopes - chords).max(axis=1)
        slopes[~(off <= _AGREED * (1 + np.nanmax(np.abs(chords), initial=0.0)))] = np.nan
        places = zip(edges[1:-1], np.diff(slopes, axis=0), strict=True)
        return sum(self.layer.add(change, start + t * along, along) for t, change in places)
