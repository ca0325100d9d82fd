"""How much of it lies outside the population?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds, where
from wellhead.meter.view import Views


class FarShare(msgspec.Struct, frozen=True):
    """Share of rows farther out than 99 % of the sample: a few made-up inputs among many real ones still show."""

    name: ClassVar[str] = "far_share"
    kind: ClassVar[str] = "inputs"
    unit: ClassVar[str] = SHARE
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "{value} of its inputs lie farther out than 99 % of real ones"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A customer with data of another kind; a test suite with edge cases."
    needs: ClassVar[tuple[str, ...]] = ("profile",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return where(views.placed >= 1, odds(views.far_ratio, views.placed))
