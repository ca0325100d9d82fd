"""How round are its numbers?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import PLAIN, where
from wellhead.meter.view import Views


class Grain(msgspec.Struct, frozen=True):
    """Trailing zeros of the numbers asked (length, where inputs are texts).

    Grids and lattices are round, noise is not, and data has a grain of its own.
    """

    name: ClassVar[str] = "grain"
    kind: ClassVar[str] = "inputs"
    unit: ClassVar[str] = PLAIN
    sides: ClassVar[tuple[int, ...]] = (1, -1)
    high: ClassVar[str] = "its numbers are rounder than others' (grain {value} of 1): a grid or a lattice"
    low: ClassVar[str] = (
        "its numbers have more digits than others' (grain {value} of 1): computed or noisy, not collected"
    )
    honest: ClassVar[str] = "A study over a grid; a client that sends other units, or normalises by itself."
    needs: ClassVar[tuple[str, ...]] = ("raw_inputs",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) 0..1."""
        return where(views.rows >= 1, views.grain)
