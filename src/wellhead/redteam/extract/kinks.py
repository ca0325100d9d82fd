"""Find where a function that is straight but for a few kinks bends, from its values along one line."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array


class Line:
    """What is known of f: R -> R^m at ascending points.

    slack: how far from straight three points may lie, as a share of 1 + the largest |f|, before there is a kink.
    narrow: cells below this width are not divided further.
    """

    def __init__(self, outputs: int, slack: float, narrow: float) -> None:
        self.t: Array = np.zeros(0)
        self.f: Array = np.zeros((0, outputs))
        self._noise: Array = np.zeros(0)
        self._slack, self._narrow = slack, narrow

    def add(self, t: Array, f: Array, noise: Array) -> None:
        """Take in values (n, m) at points (n,) that may be off by `noise` (n,); rows with NaN were not answered."""
        known = np.isfinite(f).all(axis=1)
        t, first = np.unique(np.concatenate([self.t, t[known]]), return_index=True)
        self.f, self._noise = (
            np.concatenate([self.f, f[known]])[first],
            np.concatenate([self._noise, noise[known]])[first],
        )
        self.t = t

    def _straight(self) -> Array:
        """(n,) bool: points on the straight through their neighbours; False at the ends."""
        t, f, noise = self.t, self.f, self._noise
        found = np.zeros(t.size, bool)
        if t.size > 2:
            part = ((t[1:-1] - t[:-2]) / (t[2:] - t[:-2]))[:, None]
            off = np.abs(f[1:-1] - f[:-2] - part * (f[2:] - f[:-2])).max(axis=1)
            shaky = np.maximum(np.maximum(noise[:-2], noise[1:-1]), noise[2:])
            found[1:-1] = off <= self._slack * (1 + np.abs(f).max()) + 2 * shaky
        return found

    def open(self) -> Array:
        """Left ends of the cells that hold a kink, or more than one."""
        straight = self._straight()
        dirty = ~(straight[:-1] | straight[1:]) & (np.diff(self.t) > self._narrow)
        return np.flatnonzero(dirty)

    def ask(self) -> Array:
        """The points to ask next, empty where every kink is a point of its own: where the straights beside a lone
        open cell meet, else the middle of each open cell.
        """
        cells, straight = self.open(), self._straight()
        middles = (self.t[cells] + self.t[cells + 1]) / 2
        inner = (cells >= 2) & (cells + 3 < self.t.size)
        lone = cells[inner]
        beside = straight[lone - 1] & straight[lone + 2]
        meet = self._meet(lone[beside])
        where = np.flatnonzero(inner)[beside]
        inside = (meet > self.t[cells[where]]) & (meet < self.t[cells[where] + 1])
        middles[where[inside]] = meet[inside]
        return np.asarray(middles)

    def _meet(self, cells: Array) -> Array:
        """(n,): where the straights on both sides of these cells meet, NaN where they are parallel."""
        t, f, width = self.t, self.f, self.t[cells + 1] - self.t[cells]
        left = (f[cells] - f[cells - 2]) / (t[cells] - t[cells - 2])[:, None]
        right = (f[cells + 3] - f[cells + 1]) / (t[cells + 3] - t[cells + 1])[:, None]
        rows, best = np.arange(cells.size), np.abs(left - right).argmax(axis=1)
        rise = (f[cells + 1] - f[cells])[rows, best] - right[rows, best] * width
        bend = (left - right)[rows, best]
        return np.asarray(t[cells] + np.divide(rise, bend, out=np.full(cells.size, np.nan), where=bend != 0))

    def kinks(self) -> Array:
        """Points that bend, straight on both sides."""
        straight = self._straight()
        bends = ~straight[2:-2] & straight[1:-3] & straight[3:-1] if self.t.size > 4 else np.zeros(0, bool)
        return self.t[2:-2][bends] if bends.size else np.zeros(0)

    def slopes(self, edges: Array) -> Array:
        """(n, m): the slopes from each of these points to the next; NaN where one was not answered."""
        at = np.searchsorted(self.t, edges).clip(max=self.t.size - 1)
        values = np.where((self.t[at] == edges)[:, None], self.f[at], np.nan)
        return np.diff(values, axis=0) / np.diff(edges)[:, None]
