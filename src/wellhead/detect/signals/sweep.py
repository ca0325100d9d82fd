"""Is it checking which records the model was trained on?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds, where
from wellhead.meter.ground import PAIRS as SAMPLED
from wellhead.meter.view import Views


class Sweep(msgspec.Struct, frozen=True):
    """Near-copies of which the model is certain.

    Candidate records, each asked with small changes, to see how the answer falls off.
    """

    name: ClassVar[str] = "sweep"
    kind: ClassVar[str] = "novelty"
    unit: ClassVar[str] = SHARE
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "{value} of its inputs are near-copies of which the model is certain: a membership sweep"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A robustness test on easy cases; a camera that looks at one scene."
    needs: ClassVar[tuple[str, ...]] = ("inputs", "confidence", "profile")
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.000",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        pairs = (1.0 - np.clip(views.near_ratio, 0.0, 1.0)) * np.clip(views.full_confidence_ratio, 0.0, 1.0)
        return where(
            (views.placed >= 1) & ~np.isnan(views.confidence), odds(pairs, np.minimum(views.distinct, SAMPLED))
        )
