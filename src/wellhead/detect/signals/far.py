"""How far from the population does it ask?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import DEVIATIONS, where
from wellhead.meter.view import Views


class Far(msgspec.Struct, frozen=True):
    """Mean distance to the nearest region of the population, in its standard deviations.

    Made-up inputs lie far out, averaged ones too near.
    """

    name: ClassVar[str] = "far"
    kind: ClassVar[str] = "inputs"
    unit: ClassVar[str] = DEVIATIONS
    sides: ClassVar[tuple[int, ...]] = (1, -1)
    high: ClassVar[str] = "its inputs lie far from everybody's ({value} sd out on average)"
    low: ClassVar[str] = "its inputs lie closer to the middle of the crowd than real ones do ({value} sd)"
    honest: ClassVar[str] = "A customer with data of another kind; drift of all."
    needs: ClassVar[tuple[str, ...]] = ("profile",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) standard deviations of the sample."""
        return where(views.placed >= 1, views.far)
