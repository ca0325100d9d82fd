"""How much of it got one label?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import SHARE, odds
from wellhead.meter.view import Views


class TopShare(msgspec.Struct, frozen=True):
    """Share of the commonest label: searches for one class get hardly any other, made-up inputs often fall into one."""

    name: ClassVar[str] = "top_share"
    kind: ClassVar[str] = "answers"
    unit: ClassVar[str] = SHARE
    of_rows: ClassVar[bool] = True
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "{value} of its answers are one label"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A customer with one kind of case; a monitor."
    needs: ClassVar[tuple[str, ...]] = ("answers",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log-odds of the share."""
        return odds(views.top_share, views.rows)
