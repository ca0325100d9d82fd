"""How much comes in one minute?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import COUNT, log_count, where
from wellhead.meter.view import Views


class Burst(msgspec.Struct, frozen=True):
    """Rows in the last minute: scripts empty their list as fast as the limit allows."""

    name: ClassVar[str] = "burst"
    kind: ClassVar[str] = "volume"
    unit: ClassVar[str] = COUNT
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "asked {value} rows within a minute"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A batch job, a retry storm, a load test."
    needs: ClassVar[tuple[str, ...]] = ()
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log10 of 1 + rows."""
        return where(views.rows >= 1, log_count(views.volume_60s))
