"""How old was the account at its first row?"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import COUNT, log_count
from wellhead.meter.view import Attribute, Views


def _born(attributes: frozenset[Attribute]) -> float:
    """Seconds since 1970 of the latest sign-up day, NaN without one."""
    days = [value for attribute, value in attributes if attribute == "created_day"]
    try:
        return float(np.datetime64(max(days), "s").astype(np.int64)) if days else np.nan
    except ValueError:
        return np.nan


class Age(msgspec.Struct, frozen=True):
    """Days from sign-up to the first row of the period: accounts made for one job start at once."""

    name: ClassVar[str] = "age"
    kind: ClassVar[str] = "account"
    unit: ClassVar[str] = COUNT
    sides: ClassVar[tuple[int, ...]] = (-1,)
    high: ClassVar[str] = ""
    low: ClassVar[str] = "its account was only {value} days old at its first row"
    honest: ClassVar[str] = "Every new customer."
    needs: ClassVar[tuple[str, ...]] = ("attributes",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0021",)

    def read(self, views: Views) -> Array:
        """(u,) log10 of 1 + days."""
        born = np.array([_born(pairs) for pairs in views.attributes], dtype=np.float64)
        return log_count((views.first_s - born) / 86_400.0)
