"""Blank, ordinary or noise?"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from wellhead.core.arrays import Array
from wellhead.detect.signal import PLAIN, where
from wellhead.meter.view import Views


class Texture(msgspec.Struct, frozen=True):
    """How rough an input is from one number (character) to the next.

    Blank images and noise lie at opposite ends, real inputs between.
    """

    name: ClassVar[str] = "texture"
    kind: ClassVar[str] = "inputs"
    unit: ClassVar[str] = PLAIN
    sides: ClassVar[tuple[int, ...]] = (1, -1)
    high: ClassVar[str] = "its inputs are rougher than others' (texture {value} of 1): noise"
    low: ClassVar[str] = "its inputs are smoother than others' (texture {value} of 1): blank or generated"
    honest: ClassVar[str] = "A monitor that sends a constant; a broken sensor."
    needs: ClassVar[tuple[str, ...]] = ("raw_inputs",)
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    def read(self, views: Views) -> Array:
        """(u,) 0..1."""
        return where(views.rows >= 1, views.texture)
