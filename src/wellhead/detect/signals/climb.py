"""Is it climbing towards one class?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import DEVIATIONS
from wellhead.meter.view import Views


class Climb(msgspec.Struct, frozen=True):
    """Confidence that rises with time, in one label: how a search for a class's own picture looks."""

    name: ClassVar[str] = "climb"
    kind: ClassVar[str] = "answers"
    unit: ClassVar[str] = DEVIATIONS
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "the model grew surer of its inputs with time, in one label ({value} sd): an inversion search"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A customer who learns to send better inputs."
    needs: ClassVar[tuple[str, ...]] = ("answers", "confidence")
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.001",)

    def read(self, views: Views) -> Array:
        """(u,) standard deviations, weighed by the share of the commonest label."""
        return np.asarray(views.trend * views.top_share)
