"""Inverted inputs as small pictures: gray or colour where they are images, bars where they are not."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array
from wellhead.redteam.outcome import Likeness
from wellhead.redteam.report.drawing import png

_LEAST_SIDE = 6
_BARS_HEIGHT = 24


class Cell(NamedTuple):
    """One picture with what it is compared with. picture, beside: data URIs, beside empty where there is none."""

    name: str
    picture: str
    beside: str
    words: str


def cell(likeness: Likeness) -> Cell:
    """The cell of one inverted class; made-up input and class mean share one scale of brightness."""
    shown = np.asarray(likeness.pixels, np.float64)
    known = np.asarray(likeness.beside, np.float64)
    both = np.concatenate([shown, known])
    both = both[np.isfinite(both)]
    low, high = (float(both.min()), float(both.max())) if both.size else (0.0, 1.0)
    width = high - low or 1.0

    def drawn(pixels: Array) -> str:
        return png(picture((pixels - low) / width, likeness.shape)) if pixels.size else ""

    words = [f"similarity {likeness.similarity:.2f}"] if likeness.similarity > -1 else []
    words += [f"confidence {likeness.confidence:.3f}"] if likeness.confidence >= 0 else []
    return Cell(likeness.name, drawn(shown), drawn(known), ", ".join(words))


def picture(pixels: Array, shape: tuple[int, ...]) -> Array:
    """(h, w) or (h, w, 3) to draw. pixels: flattened, 0 to 1.

    Images are (h, w), (h, w, 1 or 3) or (1 or 3, h, w); a flat input whose length is a square is shown as one, any
    other as bars, one column a feature.
    """
    shape = tuple(n for n in shape if n != 1)
    if math.prod(shape) != pixels.size:
        shape = (pixels.size,)
    if len(shape) == 2:
        return pixels.reshape(shape)
    if len(shape) == 3 and shape[2] == 3:
        return pixels.reshape(shape)
    if len(shape) == 3 and shape[0] == 3:
        return np.moveaxis(pixels.reshape(shape), 0, 2)
    side = math.isqrt(pixels.size)
    if side * side == pixels.size and side >= _LEAST_SIDE:
        return pixels.reshape(side, side)
    return bars(pixels)


def bars(values: Array) -> Array:
    """(24, d) picture of values 0 to 1 as dark columns on white."""
    heights = np.rint(np.clip(np.nan_to_num(values), 0, 1) * _BARS_HEIGHT)
    dark = np.arange(_BARS_HEIGHT)[::-1, None] < heights
    return np.where(dark, 0.15, 1.0)
