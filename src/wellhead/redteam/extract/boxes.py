"""Boxes: products of one interval (or set of categories) for each feature, and points within them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array

_CELLS = 20_000_000


class Boxes(NamedTuple):
    """m boxes over d features. low, high: (m, d), closed; infinite for categories.

    allowed: (m, d, a) bool, the categories in each set; all True for numbers.
    """

    low: Array
    high: Array
    allowed: Array

    def take(self, rows: Array) -> Boxes:
        """The boxes of these rows."""
        return Boxes(self.low[rows], self.high[rows], self.allowed[rows])

    @property
    def possible(self) -> bool:
        """Whether no set of categories is empty."""
        return bool(self.allowed.any(axis=2).all())

    def below(self, feature: int, value: float) -> Boxes:
        """The parts at or below a value."""
        return self._replace(high=_put(self.high, feature, value))

    def above(self, feature: int, value: float) -> Boxes:
        """The parts at or above a value."""
        return self._replace(low=_put(self.low, feature, value))

    def without(self, feature: int, category: int) -> Boxes:
        """The parts whose category is another."""
        values = np.arange(self.allowed.shape[2]) != category
        return self._replace(allowed=_put(self.allowed, feature, self.allowed[:, feature] & values))

    def only(self, feature: int, category: int) -> Boxes:
        """The parts of one category."""
        return self.among(feature, np.array([category]))

    def among(self, feature: int, categories: Array) -> Boxes:
        """The parts of these categories."""
        values = np.isin(np.arange(self.allowed.shape[2]), categories)
        return self._replace(allowed=_put(self.allowed, feature, self.allowed[:, feature] & values))

    def only_where(self, mask: Array) -> Boxes:
        """The boxes, every other feature's set cut to its first category. mask: (m, d)."""
        first = np.arange(self.allowed.shape[2]) == self.allowed.argmax(axis=2)[:, :, None]
        return self._replace(allowed=self.allowed & (first | mask[:, :, None]))

    def within(self, others: Boxes) -> Array:
        """(m, k) bool: which of k other boxes hold each of these."""
        parts = max(1, _CELLS // max(others.allowed.size, 1))
        blocks = [self.take(np.arange(i, min(i + parts, len(self.low)))) for i in range(0, len(self.low), parts)]
        return np.concatenate([block._within(others) for block in blocks] or [np.zeros((0, len(others.low)), bool)])

    def _within(self, others: Boxes) -> Array:
        inside = ((self.low[:, None] >= others.low) & (self.high[:, None] <= others.high)).all(axis=2)
        if self.allowed.shape[2] > 1:
            inside &= (~self.allowed[:, None] | others.allowed).all(axis=(2, 3))
        return np.asarray(inside)


def _put(array: Array, feature: int, value: Array | float) -> Array:
    changed = array.copy()
    changed[:, feature] = value
    return changed


class Domain(NamedTuple):
    """Where questions may lie. low, high: (d,); a feature that is a category has the values 0..arity-1.

    arities: (d,) int, 0 for numbers.
    """

    low: Array
    high: Array
    arities: Array

    @property
    def numbers(self) -> Array:
        """(d,) bool: features that are not categories."""
        return np.asarray(self.arities == 0)

    @property
    def whole(self) -> Boxes:
        """The one box that is everything."""
        values = np.arange(max(int(self.arities.max(initial=0)), 1))
        allowed = (values < self.arities[:, None]) | self.numbers[:, None]
        low, high = np.where(self.numbers, self.low, -np.inf), np.where(self.numbers, self.high, np.inf)
        return Boxes(low[None], high[None], allowed[None])

    def points(self, points: Array) -> Boxes:
        """Each point as a box."""
        values = np.arange(max(int(self.arities.max(initial=0)), 1))
        return Boxes(points, points, (points[:, :, None] == values) | self.numbers[:, None])

    def scatter(self, boxes: Boxes, rng: np.random.Generator) -> Array:
        """(m, d): one random point in each box."""
        low, high = (np.where(self.numbers, bound, 0.0) for bound in (boxes.low, boxes.high))
        inside = low + rng.random(low.shape) * (high - low)
        keys = np.where(boxes.allowed, rng.random(boxes.allowed.shape), -1.0)
        return np.asarray(np.where(self.numbers, inside, keys.argmax(axis=2)))

    def corners(self, boxes: Boxes, rng: np.random.Generator) -> list[Array]:
        """Rounds of one point in each box, NaN rows where a box needs no more.

        The first two are opposite corners; together the rounds visit every category of every set. A leaf that is a
        box and answers alike at all of them holds the whole box.
        """
        side = rng.random(boxes.low.shape) < 0.5
        order = np.argsort(np.where(boxes.allowed, rng.random(boxes.allowed.shape), 2.0), axis=2)
        sizes = np.where(self.numbers, 2, boxes.allowed.sum(axis=2))
        rounds = max(2, int(sizes.max(initial=0)))
        found = []
        for number in range(rounds):
            if number < 2:
                ends = np.where(side ^ bool(number), boxes.low, boxes.high)
            else:
                ends = np.where(rng.random(boxes.low.shape) < 0.5, boxes.low, boxes.high)
            turn = np.minimum(number % np.maximum(sizes, 1), order.shape[2] - 1)
            category = np.take_along_axis(order, turn[:, :, None], axis=2)[:, :, 0]
            points = np.where(self.numbers, ends, category)
            needed = np.maximum(sizes.max(axis=1), 2) > number
            found.append(np.where(needed[:, None], points, np.nan))
        return found


class Trusted(NamedTuple):
    """Boxes that are thought to be answered alike throughout. domain: theirs.  ids: (m,) of the answers."""

    domain: Domain
    boxes: Boxes
    ids: Array

    def find(self, points: Array) -> Array:
        """(n,) the box of each point, -1 where it is in none."""
        if not len(self.ids):
            return np.full(len(points), -1)
        inside = self.domain.points(points).within(self.boxes)
        return np.asarray(np.where(inside.any(axis=1), inside.argmax(axis=1), -1))

    def drop(self, rows: Array) -> Trusted:
        """Without these boxes."""
        kept = np.setdiff1d(np.arange(len(self.ids)), rows)
        return Trusted(self.domain, self.boxes.take(kept), self.ids[kept])
