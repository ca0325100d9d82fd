"""Is it still the same customer?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import PLAIN
from wellhead.meter.view import Views


class Moved(msgspec.Struct, frozen=True):
    """How far its later inputs lie from its earlier ones: a stolen key changes hands, and with it what is asked."""

    name: ClassVar[str] = "moved"
    kind: ClassVar[str] = "ground"
    unit: ClassVar[str] = PLAIN
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "its later inputs are unlike its earlier ones ({value}): another job, or other hands"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A new use case; a season."
    needs: ClassVar[tuple[str, ...]] = ("profile",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0012", "AML.T0024.002")

    def read(self, views: Views) -> Array:
        """(u,) arsinh of the squared mean discrepancy less its expectation, times the rows; 0 is no change."""
        if views.moved is None:
            return np.full(len(views), np.nan)
        return np.asarray(np.arcsinh(views.moved * views.placed))
