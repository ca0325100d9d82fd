"""Does a clock ask?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import TIMES
from wellhead.meter.view import Views


class Regular(msgspec.Struct, frozen=True):
    """Variation of the gaps between requests: people pause, loops do not."""

    name: ClassVar[str] = "regular"
    kind: ClassVar[str] = "timing"
    unit: ClassVar[str] = TIMES
    sides: ClassVar[tuple[int, ...]] = (-1,)
    high: ClassVar[str] = ""
    low: ClassVar[str] = "its requests tick like a clock (gaps vary by {value} times their mean)"
    honest: ClassVar[str] = "Every scheduled job; queues that are emptied at a steady rate."
    needs: ClassVar[tuple[str, ...]] = ()
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) ln of the coefficient of variation."""
        return np.asarray(np.log(np.maximum(views.timing_cv, 0.0) + 0.01))
