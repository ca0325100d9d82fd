"""How much does it ask the model to give away?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds
from wellhead.meter.view import Views


class Exposure(msgspec.Struct, frozen=True):
    """Share of rows that asked for all scores: a clone learns many times as much from them as from labels."""

    name: ClassVar[str] = "exposure"
    kind: ClassVar[str] = "access"
    unit: ClassVar[str] = SHARE
    of_rows: ClassVar[bool] = True
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "asked for all scores in {value} of its rows"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "Clients that set their own thresholds, or that never changed a default."
    needs: ClassVar[tuple[str, ...]] = ("answers",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return odds(views.scores_asked_ratio, views.rows)
