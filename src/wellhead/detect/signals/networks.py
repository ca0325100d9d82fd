"""From how many networks?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import COUNT, log_count, where
from wellhead.meter.view import Views


class Networks(msgspec.Struct, frozen=True):
    """Different networks that it came from (8 are told apart): pools of proxies change with every request."""

    name: ClassVar[str] = "networks"
    kind: ClassVar[str] = "account"
    unit: ClassVar[str] = COUNT
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "came from {value} networks"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "Phones; clouds that scale; employees at home."
    needs: ClassVar[tuple[str, ...]] = ("attributes",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) log10 of 1 + networks."""
        count = [sum(attribute == "network" for attribute, _ in pairs) for pairs in views.attributes]
        return where(np.array(count, dtype=np.float64) >= 1, log_count(np.array(count)))
