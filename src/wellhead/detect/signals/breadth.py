"""How much ground for so few rows?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import TIMES, where
from wellhead.meter.view import Views


class Breadth(msgspec.Struct, frozen=True):
    """Regions that a random draw of as many rows would leave untouched, over those that it did.

    As a ratio, since a thief under cover of honest rows gives itself away by the last few regions that it fills.
    shares: (R,) of the population in each region.
    """

    name: ClassVar[str] = "breadth"
    kind: ClassVar[str] = "ground"
    unit: ClassVar[str] = TIMES
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "it covers more ground than its volume explains ({value} times as well as a random draw)"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "An aggregator is broad; a customer with one narrow job is not."
    needs: ClassVar[tuple[str, ...]] = ("profile",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    shares: Array | None = None

    def read(self, views: Views) -> Array:
        """(u,) ln of the ratio, half a region more on each side; 0 is a random draw."""
        if self.shares is None or views.regions.shape[1] < self.shares.size:
            return np.full(len(views), np.nan)
        share = np.clip(np.asarray(self.shares, np.float64), 0.0, 1.0 - 1e-9)
        expected = np.exp(np.outer(where(views.placed >= 1, views.placed), np.log1p(-share))).sum(axis=1)
        untouched = np.count_nonzero(views.regions[:, : share.size] == 0, axis=1)
        return np.asarray(np.log(expected + 0.5) - np.log(untouched + 0.5))
