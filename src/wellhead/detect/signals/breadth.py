"""How much ground for so few rows?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import DEVIATIONS, where
from wellhead.meter.view import Views


class Breadth(msgspec.Struct, frozen=True):
    """Regions that it has reached, less the number that as many rows drawn from the population would.

    shares: (R,) of the population in each region.
    """

    name: ClassVar[str] = "breadth"
    kind: ClassVar[str] = "inputs"
    unit: ClassVar[str] = DEVIATIONS
    sides: ClassVar[tuple[int, ...]] = (1, -1)
    high: ClassVar[str] = "it covers more ground than its volume explains ({value} sd beyond a random draw)"
    low: ClassVar[str] = "it stays in one corner ({value} sd of a random draw)"
    honest: ClassVar[str] = "An aggregator is broad; a customer with one narrow job is not."
    needs: ClassVar[tuple[str, ...]] = ("profile",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    shares: Array | None = None

    def read(self, views: Views) -> Array:
        """(u,) standard deviations, at least one region each; 0 is a random draw."""
        if self.shares is None or views.regions.shape[1] < self.shares.size:
            return np.full(len(views), np.nan)
        share = np.clip(np.asarray(self.shares, np.float64), 0.0, 1.0 - 1e-9)
        missed = np.exp(np.outer(views.placed, np.log1p(-share)))
        variance = (missed * (1.0 - missed)).sum(axis=1)
        occupied = np.count_nonzero(views.regions, axis=1)
        # one region more or less is no news, however many rows
        return where(views.placed >= 1, (occupied - (1.0 - missed).sum(axis=1)) / np.sqrt(variance + 1.0))
