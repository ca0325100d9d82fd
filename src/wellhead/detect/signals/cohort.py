"""Did it sign up in suspicious company?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.signal import PLAIN
from wellhead.meter.view import Views


class Cohort(msgspec.Struct, frozen=True):
    """Suspicion from its registration: look-alike addresses, disposable mail, one network, born together.

    cohort: suspicion by principal (see wellhead.detect.cohort).
    """

    name: ClassVar[str] = "cohort"
    kind: ClassVar[str] = "account"
    unit: ClassVar[str] = PLAIN
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "signed up together with look-alikes (suspicion {value})"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "A class of students; a company that orders many accounts at once."
    needs: ClassVar[tuple[str, ...]] = ("registrations",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0021",)

    cohort: Mapping[str, float] = {}

    def read(self, views: Views) -> Array:
        """(u,) 0 or more; NaN for who is not registered."""
        return np.array([self.cohort.get(name, np.nan) for name in views.names], dtype=np.float64)
