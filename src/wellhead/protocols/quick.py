"""The usual small request and answer, read without arrays: what the event loop pays for every query.

Each function gives what the full reading gives, or None where a body is anything but usual: then the full one decides,
and names what is wrong.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Flat
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.protocols.outputs import SUM_TOLERANCE, is_hidden

MOST_BYTES = 16_384
MOST_NUMBERS = 512
_UNUSUAL = (ValueError, RecursionError)
"""What msgspec raises for a body of another form."""

# Sums that are rounded otherwise than numpy's must not decide what an answer is.
_TOLERANCE = SUM_TOLERANCE * 0.999
_SINGLE_MAX = float(np.finfo(np.float32).max)

Rows = list[list[float]]


def joined(rows: Rows) -> tuple[list[float], tuple[int, int]] | None:
    """The numbers of rows of equal length, and their shape; None for ragged or empty ones."""
    width = len(rows[0]) if rows else 0
    if len(rows) == 1 and width:
        return rows[0], (1, width)
    if not width or any(len(row) != width for row in rows):
        return None
    return [x for row in rows for x in row], (len(rows), width)


def inputs(numbers: list[float], shape: tuple[int, ...]) -> Flat | None:
    """float32 inputs; None for numbers that are too many, or may be too large for float32."""
    # The length of the vector is at least as large as its largest number, and NaN fails the comparison.
    if len(numbers) > MOST_NUMBERS or not math.hypot(*numbers) <= _SINGLE_MAX:
        return None
    return Flat(struct.pack(f"<{len(numbers)}f", *numbers), shape)


def probabilities(name: str, numbers: list[float], shape: tuple[int, ...], spec: ModelSpec) -> Answer | None:
    """The answer of a classifier whose rows are plainly probabilities of its classes. shape: (n, k).

    name: the output's, on the wire.
    """
    if len(shape) != 2 or len(numbers) > MOST_NUMBERS or spec.task == "regressor" or is_hidden(name):
        return None
    width = shape[1]
    if width < 2 or width != (len(spec.classes) or width) or min(numbers) < 0.0:
        return None
    for i in range(0, len(numbers), width):
        if not abs(sum(numbers[i : i + width]) - 1.0) <= _TOLERANCE:
            return None
    return Answer(Exposure.PROBABILITIES, Flat(numbers, shape))


def decoder(*kinds: Any) -> Any:
    """JSON bytes to the first of these types that they are; None for other, or too many, bytes."""
    decoders = tuple(msgspec.json.Decoder(kind).decode for kind in kinds)

    def quick(body: bytes) -> Any:
        if len(body) > MOST_BYTES:
            return None
        for decode in decoders:
            try:
                return decode(body)
            except _UNUSUAL:
                continue
        return None

    return quick
