"""Rebuild a linear two-class model from labels alone."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation
from wellhead.redteam.extract.exact import Notes, Silence
from wellhead.redteam.known import Known

_DRAWN = 40
_FRESH = 100
_START = 0.01
_FURTHEST = 1e6
_BISECTIONS = 34
_AWAY = 1e-3
_AGREED = 0.98


class Halfspace(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Class `inside` where x weights + bias > 0, else `outside`; x the flattened input. weights: (d,)."""

    weights: Array
    bias: float
    inside: int
    outside: int

    def predict(self, inputs: Inputs) -> Labels:
        """(n,) class indices."""
        flat = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
        return np.where(flat @ self.weights + self.bias > 0, self.inside, self.outside)


class LowdMeek(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Line search along every axis from a point beside the boundary: the distances give the weights.

    Needs labels of a linear two-class model, and questions outside the bounds: an axis whose weight is small meets the
    boundary far away. About 45 d + 200 queries in under 100 calls, all axes together; stops after 41 where there are
    more than two classes or only one, and says where fresh labels contradict the model.
    low, high: (d,) bounds, the scale of each feature; where they are equal it is left alone.  shape: of one input.
    rows: the most to ask.  pool: inputs to find both classes with, may be empty.
    Source: Lowd and Meek (KDD 2005), section 3; Tramer et al. (USENIX Security 2016), section 6.
    """

    name: ClassVar[str] = "lowd_meek"
    paper: ClassVar[str] = "Lowd and Meek, Adversarial Learning, KDD 2005"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    low: Array
    high: Array
    shape: tuple[int, ...]
    rows: int = 100_000
    pool: Array = np.zeros((0, 0))

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Raises Unsuited for texts, categories, regressors, more than two classes, or few rows."""
        known.need_numbers()
        known.need(not known.arities.any(), "needs features that are numbers")
        known.need(known.task == "classifier", "needs a classifier")
        known.need(known.classes in (0, 2), "needs two classes")
        least = 60 * known.features + 2 * _FRESH
        known.need(known.rows >= least, f"needs about {least} queries")
        return cls(low=known.low, high=known.high, shape=known.shape, rows=known.rows, pool=np.asarray(known.pool))

    def run(self, rng: np.random.Generator) -> Conversation:
        """Find both classes, the boundary between them, its distance along each axis; then check."""
        notes = Notes(self.low, self.high, self.shape, self.rows)
        clone: Halfspace | None = None
        detail = "answers ended before the model was known"
        with contextlib.suppress(Silence):
            clone, detail = yield from self._search(notes, rng)
        return notes.extraction(clone, detail)

    def _search(
        self, notes: Notes, rng: np.random.Generator
    ) -> Generator[Inputs, Answer, tuple[Halfspace | None, str]]:
        points = notes.drawn(_DRAWN, self.pool, rng)
        labels = yield from _labels(notes, points)
        classes = np.unique(labels[labels >= 0])
        if classes.size != 2:
            return None, f"not a two-class boundary: {classes.size} classes in {_DRAWN} inputs"
        inside, outside = int(classes[1]), int(classes[0])
        plus, minus = points[(labels == inside).argmax()], points[(labels == outside).argmax()]
        near = yield from _boundary(notes, minus, plus, inside)
        # Beside the boundary, not on it: a distance of nothing is the same along every axis.
        start = near + _AWAY * (minus - plus)
        signed = yield from _distances(notes, start, inside)
        weights = np.where(np.isfinite(signed), 1.0 / signed, 0.0)
        model = _outward(notes, weights, -float(weights @ start) - 1.0, inside, outside)
        fresh = notes.drawn(_FRESH, self.pool, rng)
        told = yield from _labels(notes, fresh)
        agreed = float(np.mean((model.predict(notes.inputs(fresh)) == told)[told >= 0]))
        if agreed < _AGREED:
            return None, f"not linear: {agreed:.0%} of {_FRESH} fresh labels agree"
        return model, f"{agreed:.0%} of {_FRESH} fresh labels agree, {int((weights != 0).sum())} weights found"


def _labels(notes: Notes, points: Array) -> Generator[Inputs, Answer, Array]:
    """(n,) labels, -1 where there was no answer."""
    yield from notes.ask(points)
    return notes.labels


def _boundary(notes: Notes, minus: Array, plus: Array, inside: int) -> Generator[Inputs, Answer, Array]:
    """The point where the way from minus to plus changes its label."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        label = (yield from _labels(notes, (minus + middle * (plus - minus))[None]))[0]
        low, high = (low, middle) if label == inside else (middle, high)
    return np.asarray(minus + (low + high) / 2 * (plus - minus))


def _distances(notes: Notes, start: Array, inside: int) -> Generator[Inputs, Answer, Array]:
    """(f,): how far along each axis, with its sign, the label becomes `inside`; infinite where it does not."""
    size = start.size
    axes = np.concatenate([np.eye(size), -np.eye(size)])
    near, far = np.zeros(2 * size), np.full(2 * size, np.inf)
    step = _START
    while step <= _FURTHEST:
        # An axis crosses the boundary one way only.
        open_ = np.flatnonzero(np.isinf(np.minimum(far[:size], far[size:])))
        both = np.concatenate([open_, open_ + size])
        if not both.size:
            break
        met = (yield from _labels(notes, start + step * axes[both])) == inside
        far[both[met]] = step
        near[both[~met]] = step
        step *= 2
    found = np.flatnonzero(np.isfinite(far))
    for _ in range(_BISECTIONS if found.size else 0):
        middle = (near[found] + far[found]) / 2
        met = (yield from _labels(notes, start + middle[:, None] * axes[found])) == inside
        far[found], near[found] = np.where(met, middle, far[found]), np.where(met, near[found], middle)
    distance = (near + far) / 2
    return np.asarray(np.where(distance[:size] <= distance[size:], distance[:size], -distance[size:]))


def _outward(notes: Notes, weights: Array, bias: float, inside: int, outside: int) -> Halfspace:
    slope, offset = notes.outward(weights[None], np.array([bias]))
    return Halfspace(weights=slope[0], bias=float(offset[0]), inside=inside, outside=outside)
