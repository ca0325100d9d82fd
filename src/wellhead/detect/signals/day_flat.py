"""Has it a night?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import DEVIATIONS, where
from wellhead.meter.view import Views

_LEAST_HOURS = 12
"""Fewer active hours make no day."""


class DayFlat(msgspec.Struct, frozen=True):
    """Hours of the day in which it was ever active, less those that as many active hours at random would fill.

    People have a night.
    """

    name: ClassVar[str] = "day_flat"
    kind: ClassVar[str] = "timing"
    unit: ClassVar[str] = DEVIATIONS
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "it has no night: active around the clock ({value} sd of hours at random)"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A global service; monitors; batch queues."
    needs: ClassVar[tuple[str, ...]] = ()
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) standard deviations; 0 is any hour as likely as any other."""
        # which bit of a byte is which hour does not matter: a byte never crosses a day
        active = np.unpackbits(np.ascontiguousarray(views.hours), axis=1)
        day = active.reshape(len(views), active.shape[1] // 24, 24).any(axis=1).sum(axis=1)
        hours = active.sum(axis=1, dtype=np.int64)
        missed = (23.0 / 24.0) ** hours
        return where(
            hours >= _LEAST_HOURS, (day - 24.0 * (1.0 - missed)) / np.sqrt(24.0 * missed * (1.0 - missed) + 1.0)
        )
