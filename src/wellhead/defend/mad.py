"""Maximising angular deviation: answers that turn a thief's training step as far from the true one as they can.

Orekondy et al., *Prediction Poisoning*, ICLR 2020. The thief's gradient is that of its last layer, so that with its own
answer s the step is (y' - s) times its features, and the angle is that between y' - s and y - s: no gradient is needed.
Without a surrogate in the context s is uniform, the paper's weaker form.
"""

from __future__ import annotations

import functools
from typing import Annotated, ClassVar, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.core.arrays import Array, Scores
from wellhead.defend.bounds import cap_l1, crown
from wellhead.defend.guarantees import Argmax, Context, Depends, Guarantees, Stage

_NUDGE = 1e-5
_NOWHERE = 1e-12
_EXHAUSTIVE = 8
"""Most classes of which every set is tried."""

Epsilon: TypeAlias = Annotated[float, Meta(ge=0.0, le=2.0)]


class Mad(msgspec.Struct, frozen=True):
    """Moves each answer by L1 `epsilon` at most towards the one class that turns a thief's step furthest.

    It changes the best class, mostly so from epsilon 1 on: for whoever accepts wrong answers.
    """

    cost_us: ClassVar[int] = 25
    defeated_by: ClassVar[str] = "reading labels alone, in part: some of them are wrong"
    epsilon: Epsilon = 1.0

    @property
    def name(self) -> str:
        """`mad`."""
        return "mad"

    @property
    def stage(self) -> Stage:
        """Perturbation."""
        return Stage.PERTURB

    @property
    def guarantees(self) -> Guarantees:
        """The distance alone."""
        return Guarantees(l1_max=self.epsilon, deterministic=Depends.INPUT)

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) to (n, k)."""
        guess = surrogate(scores, context)
        off = scores - guess
        along = off - (guess * off).sum(axis=1, keepdims=True)
        square = 1.0 - 2.0 * guess + (guess**2).sum(axis=1, keepdims=True)
        target = np.zeros_like(scores)
        target[np.arange(len(scores)), _cosine(along, square).argmin(axis=1)] = 1.0
        return cap_l1(scores, target, self.epsilon)


class MadArgmax(msgspec.Struct, frozen=True):
    """Moves each answer by L1 `epsilon` at most towards the set with its best class that turns a thief's step furthest.

    The sets tried are the best class with the m - 1 others of least y - s, for each m; that is exact where s is
    uniform and misses the best set now and then where it is not. Up to 8 classes with a surrogate all sets are tried.
    """

    cost_us: ClassVar[int] = 70
    defeated_by: ClassVar[str] = "reading labels alone"
    epsilon: Epsilon = 1.0

    @property
    def name(self) -> str:
        """`mad_argmax`."""
        return "mad_argmax"

    @property
    def stage(self) -> Stage:
        """Perturbation."""
        return Stage.PERTURB

    @property
    def guarantees(self) -> Guarantees:
        """The best class stays, within the distance."""
        return Guarantees(argmax=Argmax.STRICT, l1_max=self.epsilon, deterministic=Depends.INPUT)

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) to (n, k)."""
        guess, rows = surrogate(scores, context), np.arange(len(scores))
        top = scores.argmax(axis=1)
        off = scores - guess
        ranked = off.copy()
        ranked[rows, top] = -np.inf
        order = np.argsort(ranked, axis=1, kind="stable")
        every = context.surrogate is not None and scores.shape[1] <= _EXHAUSTIVE
        chosen = _best(np.take_along_axis(off, order, 1), np.take_along_axis(guess, order, 1), every)
        target = np.empty_like(scores)
        np.put_along_axis(target, order, chosen / chosen.sum(axis=1, keepdims=True), axis=1)
        target[rows, top] += _NUDGE
        return crown(scores, cap_l1(scores, target / (1.0 + _NUDGE), self.epsilon))


def surrogate(scores: Scores, context: Context) -> Scores:
    """(n, k): what a thief's clone would answer, uniform where nobody knows."""
    return np.full_like(scores, 1.0 / scores.shape[1]) if context.surrogate is None else context.surrogate


def _best(off: Scores, guess: Scores, every: bool) -> Array:
    """(n, k) true in the set whose mean turns the step furthest; the first class is in all."""
    places = np.arange(off.shape[1])
    sizes = _subsets(len(places)).sum(axis=1) if every else places + 1.0
    offs, guesses = (_sums(x, every) / sizes for x in (off, guess))
    along = offs - (guess * off).sum(axis=1, keepdims=True)
    square = 1.0 / sizes - 2.0 * guesses + (guess**2).sum(axis=1, keepdims=True)
    best = _cosine(along, square).argmin(axis=1)
    return np.asarray(_subsets(len(places))[best] if every else places <= best[:, None])


def _cosine(along: Array, square: Array) -> Array:
    """Cosines but for a factor of the row; 2 where the step would be none at all."""
    cosine = np.full_like(along, 2.0)
    return np.divide(along, np.sqrt(np.maximum(square, 0.0)), out=cosine, where=square > _NOWHERE)


@functools.cache
def _subsets(classes: int) -> Array:
    """(2^(classes - 1), classes): each set that holds the first class."""
    others = np.arange(2 ** (classes - 1))[:, None] >> np.arange(classes - 1) & 1
    return np.hstack((np.ones((len(others), 1), np.bool_), others.astype(np.bool_)))


def _sums(numbers: Scores, every: bool) -> Array:
    """(n, sets): sums over each set, in an order that is the same for every batch, unlike a matrix product's."""
    if not every:
        return np.cumsum(numbers, axis=1)
    sums = numbers[:, :1]
    for column in numbers.T[1:]:
        sums = np.hstack((sums, sums + column[:, None]))
    return sums
