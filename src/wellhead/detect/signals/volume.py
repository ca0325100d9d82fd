"""How fast does this principal ask?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import COUNT, log_count, where
from wellhead.meter.view import Views


class Volume(msgspec.Struct, frozen=True):
    """Rows an hour since its first row: the sheer number is what most monitors look at, and the weakest sign."""

    name: ClassVar[str] = "volume"
    kind: ClassVar[str] = "volume"
    unit: ClassVar[str] = COUNT
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "asked {value} rows an hour on average"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A nightly batch, a load test, a launch."
    needs: ClassVar[tuple[str, ...]] = ()
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log10 of 1 + rows an hour."""
        hours = np.maximum(views.last_s - views.first_s, 60.0) / 3600.0
        return where(views.rows >= 1, log_count(views.rows / hours))
