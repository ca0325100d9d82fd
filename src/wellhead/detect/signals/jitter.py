"""Is the same input asked at several noise levels?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds, where
from wellhead.meter.ground import PAIRS as SAMPLED
from wellhead.meter.view import Views


class Jitter(msgspec.Struct, frozen=True):
    """Near-copies that differ in digits which nobody typed: an input with noise added to it, again and again."""

    name: ClassVar[str] = "jitter"
    kind: ClassVar[str] = "novelty"
    unit: ClassVar[str] = SHARE
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "{value} of its inputs look like another one with noise added"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "Sensors with noise of their own; a robustness test."
    needs: ClassVar[tuple[str, ...]] = ("inputs", "raw_inputs", "profile")
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002", "AML.T0024.000")

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        copies = (1.0 - np.clip(views.near_ratio, 0.0, 1.0)) * (1.0 - np.clip(views.grain, 0.0, 1.0))
        return where(views.placed >= 1, odds(copies, np.minimum(views.distinct, SAMPLED)))
