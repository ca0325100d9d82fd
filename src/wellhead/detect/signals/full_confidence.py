"""How often was the model certain?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds, where
from wellhead.meter.view import Views


class FullConfidence(msgspec.Struct, frozen=True):
    """Share of answers with a confidence of 0.99 or more: equation solving wants none, membership sweeps all."""

    name: ClassVar[str] = "full_confidence"
    kind: ClassVar[str] = "answers"
    unit: ClassVar[str] = SHARE
    of_rows: ClassVar[bool] = True
    sides: ClassVar[tuple[int, ...]] = (1, -1)
    high: ClassVar[str] = "the model was certain of {value} of its inputs"
    low: ClassVar[str] = "the model was certain of only {value} of its inputs"
    honest: ClassVar[str] = "Easy cases, or only hard ones."
    needs: ClassVar[tuple[str, ...]] = ("confidence",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return where(~np.isnan(views.confidence), odds(views.full_confidence_ratio, views.rows))
