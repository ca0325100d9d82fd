"""Is it low and slow?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import COUNT, log_count, where
from wellhead.meter.view import Views


class Slow(msgspec.Struct, frozen=True):
    """Hours in which it was active, for as many rows.

    A thief below every rate limit needs weeks, and comes back every hour.
    """

    name: ClassVar[str] = "slow"
    kind: ClassVar[str] = "timing"
    unit: ClassVar[str] = COUNT
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "spread its rows over {value} different hours"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A monitor; an embedded device; a customer with little to ask, every day."
    needs: ClassVar[tuple[str, ...]] = ()
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log10 of 1 + hours."""
        hours = np.unpackbits(np.ascontiguousarray(views.hours), axis=1).sum(axis=1, dtype=np.int64)
        return where((views.rows >= 1) & (hours >= 1), log_count(hours))
