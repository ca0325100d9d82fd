"""Do its inputs come in near-copies?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds, where
from wellhead.meter.ground import PAIRS as SAMPLED
from wellhead.meter.view import Views


class NearCopies(msgspec.Struct, frozen=True):
    """Distinct neighbourhoods over distinct inputs: searches walk in small steps."""

    name: ClassVar[str] = "near_copies"
    kind: ClassVar[str] = "novelty"
    unit: ClassVar[str] = SHARE
    sides: ClassVar[tuple[int, ...]] = (-1,)
    high: ClassVar[str] = ""
    low: ClassVar[str] = "only {value} of its inputs lie in a neighbourhood of their own: the others are near-copies"
    honest: ClassVar[str] = "A sensitivity study, a test suite with edge cases, a camera that looks at one scene."
    needs: ClassVar[tuple[str, ...]] = ("inputs", "profile")
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return where(views.placed >= 1, odds(views.near_ratio, np.minimum(views.distinct, SAMPLED)))
