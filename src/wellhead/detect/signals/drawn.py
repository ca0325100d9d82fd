"""How much was drawn for so few rows?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds
from wellhead.meter.view import Views


class Drawn(msgspec.Struct, frozen=True):
    """Share of the way from guessing to the attainable clone, at as many rows.

    Inputs chosen to teach a clone teach faster.
    """

    name: ClassVar[str] = "drawn"
    kind: ClassVar[str] = "damage"
    unit: ClassVar[str] = SHARE
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "drew {value} of the attainable clone, more than others with as many rows"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A broad customer; any aggregator."
    needs: ClassVar[tuple[str, ...]] = ("profile", "readings")
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        if views.drawn is None:
            return np.full(len(views), np.nan)
        return odds(views.drawn, np.minimum(views.rows, 1000.0))
