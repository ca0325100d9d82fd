"""How sure was the model on average?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds
from wellhead.meter.view import Views


class Confidence(msgspec.Struct, frozen=True):
    """Mean confidence of the answers: inputs made to be informative, or made up, get unusual ones."""

    name: ClassVar[str] = "confidence"
    kind: ClassVar[str] = "answers"
    unit: ClassVar[str] = SHARE
    of_rows: ClassVar[bool] = True
    sides: ClassVar[tuple[int, ...]] = (1, -1)
    high: ClassVar[str] = "the model was unusually sure of its inputs ({value} on average)"
    low: ClassVar[str] = "the model was unusually unsure of its inputs ({value} on average)"
    honest: ClassVar[str] = "Easy cases, or only hard ones; data of another kind."
    needs: ClassVar[tuple[str, ...]] = ("confidence",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the mean."""
        return odds(views.confidence, views.rows)
