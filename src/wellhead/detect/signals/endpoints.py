"""How many doors did it try?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import COUNT, log_count, where
from wellhead.meter.view import Views


class Endpoints(msgspec.Struct, frozen=True):
    """Different paths asked for: whoever explores an API tries versions, models and pages that customers never see."""

    name: ClassVar[str] = "endpoints"
    kind: ClassVar[str] = "access"
    unit: ClassVar[str] = COUNT
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "tried {value} different paths"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A first day of integration; a permitted scanner."
    needs: ClassVar[tuple[str, ...]] = ("requests",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0040", "AML.T0024.002")

    def read(self, views: Views) -> Array:
        """(u,) log10 of 1 + paths."""
        return where(views.requests >= 1, log_count(views.endpoints))
