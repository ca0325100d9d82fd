"""Does it ask where the model hesitates?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds
from wellhead.meter.view import Views


class Boundary(msgspec.Struct, frozen=True):
    """Share of answers with two classes nearly tied: active learning and line searches live there."""

    name: ClassVar[str] = "boundary"
    kind: ClassVar[str] = "answers"
    unit: ClassVar[str] = SHARE
    of_rows: ClassVar[bool] = True
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "{value} of its answers were nearly tied between two classes"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = (
        "An internal labelling loop, which asks what the model is unsure of; hard cases that people route to it."
    )
    needs: ClassVar[tuple[str, ...]] = ("margins",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return odds(views.boundary_ratio, views.rows)
