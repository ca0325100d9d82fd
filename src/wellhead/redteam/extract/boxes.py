"""Boxes: products of one interval (or set of categories) for each feature, and points within them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array

_CELLS = 20_000_000


class Boxes(NamedTuple):
    """m boxes over d features. low, high: (m, d), closed; a category's are its set's smallest and largest.

    allowed: (m, d, a) bool, the categories in each set; all True for numbers.
    """

    low: Array
    high: Array
    allowed: Array

    def take(self, rows: Array) -> Boxes:
        """The boxes of these rows."""
        return Boxes(self.low[rows], self.high[rows], self.allowed[rows])

    def within(self, others: Boxes) -> Array:
        """(m, k) bool: which of k other boxes hold each of these."""
        parts = max(1, _CELLS // max(others.allowed.size, 1))
        blocks = [self.take(np.arange(i, min(i + parts, len(self.low)))) for i in range(0, len(self.low), parts)]
        return np.concatenate([block._within(others) for block in blocks] or [np.zeros((0, len(others.low)), bool)])

    def _within(self, others: Boxes) -> Array:
        inside = (self.low[:, None] >= others.low) & (self.high[:, None] <= others.high)
        subset = (~self.allowed[:, None] | others.allowed).all(axis=(2, 3))
        return np.asarray(inside.all(axis=2) & subset)


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
        high = np.where(self.numbers, self.high, self.arities - 1.0)
        return Boxes(np.where(self.numbers, self.low, 0.0)[None], high[None], allowed[None])

    def scatter(self, boxes: Boxes, rng: np.random.Generator) -> Array:
        """(m, d): one random point in each box."""
        inside = boxes.low + rng.random(boxes.low.shape) * (boxes.high - boxes.low)
        keys = np.where(boxes.allowed, rng.random(boxes.allowed.shape), -1.0)
        return np.where(self.numbers, inside, keys.argmax(axis=2))

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
