"""Does this principal ever ask the same thing twice?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds
from wellhead.meter.view import Views


class Unique(msgspec.Struct, frozen=True):
    """Distinct inputs over rows: thieves rarely repeat, load tests and monitors do little else."""

    name: ClassVar[str] = "unique"
    kind: ClassVar[str] = "novelty"
    unit: ClassVar[str] = SHARE
    of_rows: ClassVar[bool] = True
    sides: ClassVar[tuple[int, ...]] = (1, -1)
    high: ClassVar[str] = "{value} of its inputs were new"
    low: ClassVar[str] = "only {value} of its inputs were new"
    honest: ClassVar[str] = "A batch job over a customer base asks everything once; a monitor asks one thing for ever."
    needs: ClassVar[tuple[str, ...]] = ("inputs",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return odds(views.unique_ratio, views.rows)
