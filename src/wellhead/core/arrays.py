"""Array aliases; the shape is part of the meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Inputs: TypeAlias = "NDArray[np.float32] | NDArray[np.float64] | list[str]"
"""(n, ...) numbers, or n texts. What is read from the wire is float32; an attack may ask in float64."""

Scores: TypeAlias = NDArray[np.float64]
"""(n, k): one score for each class, rows are queries."""

Labels: TypeAlias = NDArray[np.int64]
"""(n,): index of the top-1 class."""

Values: TypeAlias = NDArray[np.float64]
"""(n,): a regressor's answers."""

Codes: TypeAlias = NDArray[np.int8]
"""(n, d), d <= 256: the profile's projection of each input; all that is kept of it."""

Features: TypeAlias = NDArray[np.float64]
"""(n, D): phi(x), computed from codes."""

Array: TypeAlias = NDArray[Any]


class Flat(msgspec.Struct, frozen=True, gc=False):
    """Numbers that nobody has needed as an array yet, in C order: reading a request is cheaper without one.

    numbers: a list, or bytes of them as little-endian floats.  shape: their product is how many there are.
    """

    numbers: Sequence[float] | bytes
    shape: tuple[int, ...]

    def array(self, dtype: str) -> Array:
        """The numbers as `dtype`, which for bytes must be what they hold."""
        held = self.numbers
        flat: Array = np.frombuffer(held, dtype) if isinstance(held, bytes) else np.array(held, dtype)
        return flat.reshape(self.shape)
