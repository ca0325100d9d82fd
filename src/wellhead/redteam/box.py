"""The box that a target's inputs lie in, as the unit cube: attacks that step through it need no other scale."""

from __future__ import annotations

from typing import Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.redteam.known import Known


class Box(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """shape: of one input.  low, high: (d,) bounds of each flattened feature; where they are equal it never moves.

    arities: (d,), how many values a categorical feature has, 0 for a number.
    """

    shape: tuple[int, ...]
    low: Array
    high: Array
    arities: Array

    @classmethod
    def of(cls, known: Known) -> Self:
        """The box of a target; raises Unsuited where its bounds are unknown or infinite."""
        known.need_numbers()
        low, high = known.low.astype(np.float64), known.high.astype(np.float64)
        known.need(bool(np.isfinite(high - low).all()), "needs bounds that are finite")
        arities = known.arities if known.arities.shape == low.shape else np.zeros(low.size, np.int64)
        return cls(shape=known.shape, low=low, high=high, arities=arities)

    @property
    def features(self) -> int:
        """How many numbers one input has."""
        return self.low.size

    def ends(self, inputs: Inputs) -> bool:
        """True where the inputs hold nothing but the ends of the box, as bits do."""
        unit = self.unit(inputs)
        return bool(((unit == 0) | (unit == 1)).all())

    def unit(self, inputs: Inputs) -> Array:
        """(n, d) float64: the inputs, flattened, as points of the unit cube; those outside are moved onto its side."""
        flat = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
        width = self.high - self.low
        return np.clip((flat - self.low) / np.where(width > 0, width, 1.0), 0.0, 1.0)

    def inputs(self, unit: Array) -> Inputs:
        """(n, ...) float32 inputs of points, clipped to the cube; categories are rounded."""
        flat = self.low + np.clip(unit, 0.0, 1.0) * (self.high - self.low)
        flat = np.where(self.arities > 0, np.rint(flat), flat)
        return np.asarray(flat.reshape(len(unit), *self.shape), np.float32)
