"""Lies everybody's mix of cases beneath its own?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import COUNT, where
from wellhead.meter.view import Views

_SATURATED = 255.0
_BENEATH = 0.6
"""Share of the population's cases: those that the principal asks least, for their size."""
_CHANCE = 0.5
"""Chi-squared a region that even a random draw leaves among the regions that it happened to ask least."""


class Mix(msgspec.Struct, frozen=True):
    """Rows among the cases that it seldom asks, as many as lie there as evenly as a random draw's would.

    A thief under cover of honest work is as concentrated as its cover, but beneath it lies the population's own mix:
    the rest of an honest customer's rows is few, or uneven. Of the regions that it asks least for their size, and that
    hold three fifths of the population, (1 + rows) / sqrt(1 + excess of Pearson's chi-squared).
    shares: (R,) of the population in each region.
    """

    name: ClassVar[str] = "mix"
    kind: ClassVar[str] = "ground"
    unit: ClassVar[str] = COUNT
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "beneath its own cases lies everybody's mix ({value} rows, spread as if drawn at random)"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "An aggregator or reseller has everybody's mix."
    needs: ClassVar[tuple[str, ...]] = ("profile",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    shares: Array | None = None

    def read(self, views: Views) -> Array:
        """(u,) log10 of 1 + so many rows."""
        if self.shares is None or views.regions.shape[1] < self.shares.size:
            return np.full(len(views), np.nan)
        usual = np.minimum(np.outer(where(views.placed >= 1, views.placed), self.shares), _SATURATED)
        found = views.regions[:, : self.shares.size].astype(np.float64)
        least = np.argsort((found + 0.5) / (usual + 0.5), axis=1, kind="stable")
        found, usual = np.take_along_axis(found, least, axis=1), np.take_along_axis(usual, least, axis=1)
        beneath = np.cumsum(usual, axis=1) <= _BENEATH * usual.sum(axis=1, keepdims=True)
        rows, regions = (found * beneath).sum(axis=1), beneath.sum(axis=1)
        even = usual * (rows / np.maximum((usual * beneath).sum(axis=1), 1e-9))[:, None]
        off = (np.square(found - even) / np.maximum(even, 1e-9) * beneath).sum(axis=1)
        excess = np.maximum(off / np.maximum(regions - 1, 1) - _CHANCE, 0.0) * regions
        return np.asarray(np.log10((1.0 + rows) / np.sqrt(1.0 + excess)) + 0.0 * views.placed)
