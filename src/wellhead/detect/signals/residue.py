"""Do its inputs lie off the axes of real data?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import PLAIN, where
from wellhead.meter.view import Views


class Residue(msgspec.Struct, frozen=True):
    """Share of an input's energy that the profile's axes do not hold.

    High for what was never recorded by anything, low for what was decoded from few numbers.
    """

    name: ClassVar[str] = "residue"
    kind: ClassVar[str] = "inputs"
    unit: ClassVar[str] = PLAIN
    sides: ClassVar[tuple[int, ...]] = (1, -1)
    high: ClassVar[str] = "{value} of its inputs' energy lies where real inputs have none"
    low: ClassVar[str] = "its inputs lack the detail of real ones (residue {value})"
    honest: ClassVar[str] = "Inputs of a new product line; inputs that were compressed on the way."
    needs: ClassVar[tuple[str, ...]] = ("raw_inputs", "profile")
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) 0..1."""
        return where(views.placed >= 1, views.residue)
