"""Inputs that no pool holds: uniform, mixed from others, or with structure like that of images."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.redteam.box import Box

_COARSEST = 4


def uniform(box: Box, rows: int, rng: np.random.Generator) -> Inputs:
    """(rows, ...): every number of the box and every category equally likely."""
    unit = rng.random((rows, box.features))
    if box.arities.any():
        drawn = np.floor(unit * box.arities) / np.maximum(box.arities - 1, 1)
        unit = np.where(box.arities > 0, drawn, unit)
    return box.inputs(unit)


def mixed(pool: Array, rows: int, arities: Array, rng: np.random.Generator) -> Array:
    """(rows, ...) float32 between two inputs of the pool each; a category is taken from one of the two.

    arities: as in `Known`, empty for numbers only.  Source: mixup, Zhang et al., ICLR 2018, arXiv 1710.09412, of inputs
    alone.
    """
    flat = np.asarray(pool, np.float32).reshape(len(pool), -1)
    one, other = (flat[rng.integers(len(flat), size=rows)] for _ in range(2))
    share = rng.random((rows, 1), np.float32)
    if arities.any():
        share = np.where(arities > 0, share < 0.5, share)
    between = np.clip(other + share * (one - other), np.minimum(one, other), np.maximum(one, other))
    return np.asarray(between, np.float32).reshape(rows, *pool.shape[1:])


def structured(box: Box, rows: int, rng: np.random.Generator) -> Inputs:
    """(rows, ...): images of random blobs, with brightness and contrast at random; uniform where inputs are no images.

    Networks tell more on such noise than on white noise: Baradad et al., NeurIPS 2021, arXiv 2106.05963.
    """
    sides = _sides(box.shape)
    if sides is None:
        return uniform(box, rows, rng)
    planes = box.features // (sides[0] * sides[1])
    waves = rng.normal(size=(rows, planes, *sides))
    spectrum = np.fft.rfft2(waves)
    steps = np.hypot(np.fft.fftfreq(sides[0])[:, None], np.fft.rfftfreq(sides[1])[None]) * max(sides)
    decay = rng.uniform(0.5, 2.5, size=(rows, 1, 1, 1))
    field = np.fft.irfft2(spectrum / (1.0 + steps) ** decay, s=sides)
    field /= field.std(axis=(2, 3), keepdims=True) + 1e-12
    unit = 0.5 + rng.normal(0, 0.25, (rows, 1, 1, 1)) + field * rng.uniform(0.1, 1.0, (rows, 1, 1, 1))
    channels_last = len(box.shape) == 3 and box.shape[-1] == planes
    return box.inputs((np.moveaxis(unit, 1, -1) if channels_last else unit).reshape(rows, -1))


def _sides(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width of an image, channels first or last; None where the shape is none."""
    if len(shape) == 3:
        shape = shape[:2] if shape[-1] <= _COARSEST else shape[1:]
    return (shape[0], shape[1]) if len(shape) == 2 and min(shape) >= _COARSEST else None
