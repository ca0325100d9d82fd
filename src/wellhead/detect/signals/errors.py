"""Does it learn from what is refused?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds, where
from wellhead.meter.view import Views


class Errors(msgspec.Struct, frozen=True):
    """Share of requests that failed with 4xx: probing for limits, shapes and versions."""

    name: ClassVar[str] = "errors"
    kind: ClassVar[str] = "access"
    unit: ClassVar[str] = SHARE
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "{value} of its requests were refused or failed"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A broken client; a first day of integration."
    needs: ClassVar[tuple[str, ...]] = ("requests",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0040", "AML.T0024.002")

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return where(views.requests >= 1, odds(views.error_ratio, views.requests))
