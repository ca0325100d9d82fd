"""Is a random draw hidden among its own inputs?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds, where
from wellhead.meter.view import Views

_SATURATED = 255.0


class Hidden(msgspec.Struct, frozen=True):
    """How much of a random draw from the population its inputs could contain.

    Cover traffic fills the regions of an honest business; the theft beneath it is what shows in all the others. Read
    from the half of the regions in which it has the fewest rows for what the population has there.
    shares: (R,) of the population in each region.
    """

    name: ClassVar[str] = "hidden"
    kind: ClassVar[str] = "inputs"
    unit: ClassVar[str] = SHARE
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "up to {value} of its inputs could be a random draw from everybody's"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "An aggregator or reseller; a customer with one job of everything."
    needs: ClassVar[tuple[str, ...]] = ("profile",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    shares: Array | None = None

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        if self.shares is None or views.regions.shape[1] < self.shares.size:
            return np.full(len(views), np.nan)
        expected = np.minimum(np.outer(where(views.placed >= 1, views.placed), self.shares), _SATURATED)
        held = np.minimum(views.regions[:, : self.shares.size], expected)
        ratio = held / np.maximum(expected, 1e-9)
        poorest = np.argsort(ratio, axis=1, kind="stable")[:, : (self.shares.size + 1) // 2]
        found = np.take_along_axis(held, poorest, axis=1).sum(axis=1)
        wanted = np.take_along_axis(expected, poorest, axis=1).sum(axis=1)
        return odds(found / np.maximum(wanted, 1e-9), wanted)
