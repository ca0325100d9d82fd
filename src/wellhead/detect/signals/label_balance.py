"""Are its labels more even than life?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds, where
from wellhead.meter.view import Views


class LabelBalance(msgspec.Struct, frozen=True):
    """Entropy of the answered labels over its maximum: life is lopsided, a list made to teach a clone is balanced."""

    name: ClassVar[str] = "label_balance"
    kind: ClassVar[str] = "answers"
    unit: ClassVar[str] = SHARE
    of_rows: ClassVar[bool] = True
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "its labels are more even than others' ({value} of the most even)"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A test suite with as many cases of each class; a customer with one kind of case."
    needs: ClassVar[tuple[str, ...]] = ("answers",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return where(~np.isnan(views.top_share), odds(views.label_evenness, views.rows))
