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
    """One picture with what it is compared with. picture, beside: data URIs, beside empty where there is none.

    bars: they are columns, one a feature, and may be stretched.
    """

    name: str
    picture: str
    beside: str
    words: str
    bars: bool


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
    return Cell(
        likeness.name, drawn(shown), drawn(known), ", ".join(words), _layout(likeness.shape, shown.size) is None
    )


def picture(pixels: Array, shape: tuple[int, ...]) -> Array:
    """(h, w) or (h, w, 3) to draw. pixels: flattened, 0 to 1.

    Images are (h, w), (h, w, 1 or 3) or (1 or 3, h, w); a flat input whose length is a square is shown as one, any
    other as bars, one column a feature.
    """
    found = _layout(shape, pixels.size)
    if found is None:
        return bars(pixels)
    drawn = pixels.reshape(found)
    return np.moveaxis(drawn, 0, 2) if drawn.ndim == 3 and found[2] != 3 else drawn


def _layout(shape: tuple[int, ...], size: int) -> tuple[int, ...] | None:
    """(h, w), (h, w, 3) or (3, h, w), None for what is no picture."""
    wide = tuple(n for n in shape if n != 1)
    fits = math.prod(wide) == size
    if fits and (len(wide) == 2 or (len(wide) == 3 and 3 in (wide[0], wide[2]))):
        return wide
    side = math.isqrt(size)
    return (side, side) if side * side == size and side >= _LEAST_SIDE else None


def bars(values: Array) -> Array:
    """(24, d) picture of values 0 to 1 as dark columns on white."""
    heights = np.rint(np.clip(np.nan_to_num(values), 0, 1) * _BARS_HEIGHT)
    dark = np.arange(_BARS_HEIGHT)[::-1, None] < heights
    return np.where(dark, 0.15, 1.0)
