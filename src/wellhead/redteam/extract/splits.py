"""Where a model that answers in steps changes its answer: thresholds of numbers, values of categories."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array
from wellhead.redteam.extract.boxes import Boxes, Domain
from wellhead.redteam.extract.survey import Asking, Survey


class Bracket(NamedTuple):
    """Two questions that differ in one feature only and are answered differently; a threshold lies between."""

    below: Array
    above: Array
    feature: int

    @property
    def ends(self) -> tuple[float, float]:
        """The threshold is above or at the first, and below or at the second."""
        return float(self.below[self.feature]), float(self.above[self.feature])


class Splits:
    """Every change that was found. step: (d,) width to which thresholds are bisected."""

    def __init__(self, domain: Domain, step: Array) -> None:
        self.domain, self.step = domain, step
        self.brackets: list[list[Bracket]] = [[] for _ in range(domain.low.size)]
        self.categories: list[set[int]] = [set() for _ in range(domain.low.size)]

    @property
    def thresholds(self) -> int:
        """How many thresholds are known."""
        return sum(map(len, self.brackets))

    def ends(self, feature: int) -> Array:
        """(2 t,) ends of the brackets of a feature, ascending."""
        return np.array([end for b in self.brackets[feature] for end in b.ends])

    def cuts(self, feature: int) -> Array:
        """(t,) the middles of the brackets of a feature, ascending."""
        return self.ends(feature).reshape(-1, 2).mean(axis=1)

    def add(self, one: Array, other: Array, feature: int) -> None:
        """Learn from two questions that differ in one feature and were answered differently."""
        if self.domain.arities[feature]:
            self.categories[feature] |= {int(one[feature]), int(other[feature])}
            return
        below, above = (one, other) if one[feature] < other[feature] else (other, one)
        new, known = Bracket(below, above, feature), self.brackets[feature]
        low, high = new.ends
        overlapping = [b for b in known if b.ends[0] < high and low < b.ends[1]]
        if overlapping and high - low >= min(b.ends[1] - b.ends[0] for b in overlapping):
            return
        self.brackets[feature] = sorted([*(b for b in known if not any(b is o for o in overlapping)), new], key=lambda b: b.ends)


def between(survey: Survey, splits: Splits, ones: Array, others: Array, rng: np.random.Generator) -> Asking[None]:
    """Find one change on the way from each point to its other, which are answered differently; ids by the survey.

    Costs about log2 d + log2(range / step) questions for each pair, fewer where the threshold is known.
    """
    ids = yield from survey.ask(ones)
    ones, others = ones[ids >= 0], others[ids >= 0]
    ids = ids[ids >= 0]
    ones, others, feature = yield from _one_feature(survey, ids, ones, others, rng)
    yield from _bisect(survey, splits, ids, ones, others, feature)


def _one_feature(survey, ids, ones, others, rng):  # type: ignore
    """Halve the features in which the points differ until one is left."""
    differ = ones != others
    rank = np.argsort(np.argsort(np.where(differ, rng.random(ones.shape), 2.0), axis=1), axis=1)
    low, high = np.zeros(len(ones), int), differ.sum(axis=1)
    while (open_ := high - low > 1).any():
        middle = (low + high) // 2
        mixed = np.where(rank < middle[:, None], others, ones)
        told = yield from survey.ask(mixed[open_])
        same = np.zeros(len(ones), bool)
        same[open_] = told == ids[open_]
        low, high = np.where(open_ & same, middle, low), np.where(open_ & ~same, middle, high)
    near = np.where(rank < low[:, None], others, ones)
    far = np.where(rank < high[:, None], others, ones)
    return near, far, (rank == low[:, None]).argmax(axis=1)


def _bisect(survey, splits, ids, ones, others, feature):  # type: ignore
    """Narrow the last feature down to the step, through the ends of known brackets first."""
    rows = np.arange(len(ones))
    wide = splits.domain.numbers[feature]
    while True:
        a, b = ones[rows, feature], others[rows, feature]
        probe = np.array([_probe(splits, int(f), *sorted(ab)) if w else np.nan for f, ab, w in zip(feature, zip(a, b), wide)])
        wide = ~np.isnan(probe)
        if not wide.any():
            break
        points = ones[wide].copy()
        points[np.arange(len(points)), feature[wide]] = probe[wide]
        told = yield from survey.ask(points)
        same = told == ids[wide]
        at = np.flatnonzero(wide)
        ones[at[same]] = points[same]
        others[at[~same]] = points[~same]
    for one, other, f in zip(ones, others, feature, strict=True):
        splits.add(one, other, int(f))


def _probe(splits: Splits, feature: int, low: float, high: float) -> float:
    """Where to ask next between two values, NaN where they are near enough."""
    ends = splits.ends(feature)
    known = ends[(ends > low) & (ends < high)]
    if known.size:
        return float(known[known.size // 2])
    if high - low <= splits.step[feature] or low in ends and high in ends and _is_bracket(splits, feature, low, high):
        return np.nan
    return (low + high) / 2


def _is_bracket(splits: Splits, feature: int, low: float, high: float) -> bool:
    return any(b.ends == (low, high) for b in splits.brackets[feature])
