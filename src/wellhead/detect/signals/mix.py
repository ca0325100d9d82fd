"""Has it the population's mix of cases?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import TIMES, where
from wellhead.meter.view import Views

_SATURATED = 255.0
_LEAST = 0.25


class Mix(msgspec.Struct, frozen=True):
    """Pearson's chi-squared of its rows over the population's regions, over that of a random draw of as many rows.

    Where `typical` weighs what all inputs have in common, this weighs how often each sort of them comes.
    shares: (R,) of the population in each region.
    """

    name: ClassVar[str] = "mix"
    kind: ClassVar[str] = "ground"
    unit: ClassVar[str] = TIMES
    sides: ClassVar[tuple[int, ...]] = (-1,)
    high: ClassVar[str] = ""
    low: ClassVar[str] = "its mix of cases is everybody's: only {value} times as far off as a random draw"
    honest: ClassVar[str] = "An aggregator or reseller has everybody's mix."
    needs: ClassVar[tuple[str, ...]] = ("profile",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    shares: Array | None = None

    def read(self, views: Views) -> Array:
        """(u,) ln of the ratio; 0 is a random draw."""
        if self.shares is None or views.regions.shape[1] < self.shares.size:
            return np.full(len(views), np.nan)
        expected = np.outer(where(views.placed >= 1, views.placed), self.shares)
        capped = np.minimum(expected, _SATURATED)
        off = np.square(views.regions[:, : self.shares.size] - capped) / np.maximum(expected, _LEAST)
        usual = np.maximum((expected / np.maximum(expected, _LEAST)).sum(axis=1) - 1.0, 0.5)
        return np.asarray(np.log(np.maximum(off.sum(axis=1), 1e-3) / usual))
