"""Where a model that answers in steps changes its answer: thresholds of numbers, values of categories."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array
from wellhead.redteam.extract.boxes import Domain
from wellhead.redteam.extract.survey import Asking, Survey


class Bracket(NamedTuple):
    """A threshold between two numbers. below, above: questions that differ in one feature only; the threshold is at
    or above the one's and below the other's.
    """

    low: float
    high: float
    below: Array
    above: Array


class Pairs(NamedTuple):
    """p pairs of points that were answered differently. ids: of the answers to `ones`.

    feature: in which alone they differ, -1 where they differ in several.
    """

    ones: Array
    others: Array
    ids: Array
    feature: Array


class Splits:
    """Every change that was found. step: (d,) width to which thresholds are bisected."""

    def __init__(self, domain: Domain, step: Array) -> None:
        self.domain, self.step = domain, step
        self.brackets: list[list[Bracket]] = [[] for _ in domain.low]
        self.categories: list[set[int]] = [set() for _ in domain.low]

    @property
    def count(self) -> int:
        """How many thresholds are known."""
        return sum(map(len, self.brackets))

    def ends(self, feature: int) -> Array:
        """(2 t,) ends of the brackets of a feature, ascending."""
        return np.array([end for b in self.brackets[feature] for end in (b.low, b.high)])

    def cuts(self, feature: int) -> Array:
        """(t,) the middles of the brackets of a feature, ascending."""
        return np.asarray(self.ends(feature).reshape(-1, 2).mean(axis=1))

    def add(self, one: Array, other: Array, feature: int) -> None:
        """Learn from two questions that differ in one feature and were answered differently."""
        a, b = float(one[feature]), float(other[feature])
        if self.domain.arities[feature]:
            self.categories[feature] |= {int(a), int(b)}
            return
        new = Bracket(a, b, one, other) if a < b else Bracket(b, a, other, one)
        known = self.brackets[feature]
        overlapping = [k for k, b in enumerate(known) if b.low < new.high and new.low < b.high]
        if overlapping and new.high - new.low >= min(known[k].high - known[k].low for k in overlapping):
            return
        kept = [b for k, b in enumerate(known) if k not in overlapping]
        self.brackets[feature] = sorted([*kept, new], key=lambda bracket: bracket.low)

    def probe(self, feature: int, a: float, b: float) -> float:
        """Where to ask next between two values, NaN where they are near enough: ends of known brackets come first."""
        low, high = min(a, b), max(a, b)
        ends = self.ends(feature)
        inside = ends[(ends > low) & (ends < high)]
        if inside.size:
            return float(inside[inside.size // 2])
        known = any(bracket.low <= low and high <= bracket.high for bracket in self.brackets[feature])
        return np.nan if known or high - low <= self.step[feature] else (low + high) / 2


def one_feature(survey: Survey, pairs: Pairs, rng: np.random.Generator) -> Asking[Pairs]:
    """Pairs nearer to each other that differ in one feature only: about log2 d questions for each."""
    ones, others, ids, _ = pairs
    differ = (ones != others) & ~(np.isnan(ones) & np.isnan(others))
    rank = np.argsort(np.argsort(np.where(differ, rng.random(ones.shape), 2.0), axis=1), axis=1)
    low, high = np.zeros(len(ones), int), differ.sum(axis=1)
    while (far := high - low > 1).any():
        middle = (low + high) // 2
        told = yield from survey.guess(np.where(rank < middle[:, None], others, ones)[far])
        same = np.zeros(len(ones), bool)
        same[far] = told == ids[far]
        low, high = np.where(far & same, middle, low), np.where(far & ~same, middle, high)
    near, away = (np.where(rank < at[:, None], others, ones) for at in (low, high))
    return Pairs(near, away, ids, (rank == low[:, None]).argmax(axis=1))


def bisect(survey: Survey, splits: Splits, pairs: Pairs) -> Asking[Pairs]:
    """Pairs that differ in one feature, by no more than a step: log2(range / step) questions for a new threshold."""
    ones, others, ids, feature = pairs.ones.copy(), pairs.others.copy(), pairs.ids, pairs.feature
    rows = np.arange(len(ones))
    wide = splits.domain.numbers[feature]
    while wide.any():
        a, b = ones[rows, feature], others[rows, feature]
        probe = np.full(len(ones), np.nan)
        for i in np.flatnonzero(wide):
            probe[i] = splits.probe(int(feature[i]), float(a[i]), float(b[i]))
        wide = ~np.isnan(probe)
        points = np.where(np.arange(ones.shape[1]) == feature[:, None], probe[:, None], ones)[wide]
        same = (yield from survey.guess(points)) == ids[wide]
        at = np.flatnonzero(wide)
        ones[at[same]], others[at[~same]] = points[same], points[~same]
    for one, other, f in zip(ones, others, feature, strict=True):
        splits.add(one, other, int(f))
    return Pairs(ones, others, ids, feature)


def refine(survey: Survey, splits: Splits, share: float) -> Asking[None]:
    """Bisect every threshold further while there are questions left, down to `share` of its feature's range."""
    smallest = share * (splits.domain.high - splits.domain.low)
    while True:
        open_ = [(f, b) for f, known in enumerate(splits.brackets) for b in known if b.high - b.low > smallest[f]]
        if not open_ or len(open_) > survey.left:
            return
        points = np.array([b.below for _, b in open_])
        for point, (f, b) in zip(points, open_, strict=True):
            point[f] = (b.low + b.high) / 2
        told = yield from survey.ask(points)
        for point, id_, (f, b) in zip(points, told, open_, strict=True):
            same, middle = id_ == survey.id_of(b.below), float(point[f])
            new = Bracket(middle, b.high, point, b.above) if same else Bracket(b.low, middle, b.below, point)
            splits.brackets[f] = [new if old is b else old for old in splits.brackets[f]]
