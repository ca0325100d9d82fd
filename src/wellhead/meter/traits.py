"""What an input looked like, in three bytes: enough to tell noise, grids and blanks from what people send."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.batch import TRAITS

TEXTURE, RESIDUE, GRAIN = range(TRAITS)
TOP = 254.0
"""A trait is stored as 1 + TOP times a share: 0 means unknown."""

_ROUGHEST = 2.0
"""Mean absolute step over the standard deviation: white noise has 1.13, a chessboard 2."""
_LONGEST_BITS = 20.0
_MANTISSA_BITS = 23
_GRAINS = 256
"""Numbers of an input whose bits are looked at, evenly spaced."""
_LOOKED_AT = 1024
"""Numbers of a wide input that are looked at: evenly spaced, each with its right neighbour."""


def traits(inputs: Inputs, residue: Array | None = None) -> Array:
    """(n, 3) uint8: texture, residue and grain of inputs (n, ...), each stored as 1 + 254 times a share; 0 unknown.

    residue: (n,) share of each input's energy that lies off the profile's axes (see CodeMap.measure).
    texture: of numbers, mean |x[i+1] - x[i]| over the standard deviation (the von Neumann ratio with absolute steps),
    halved; a blank input has 0.  Of texts, the entropy of their bytes / 8 bits.
    grain: of numbers, mean of the free low bits of their float32 mantissas / 23: 1 for small integers and powers of
    two, about 0.04 for full precision.  Of texts, log2(1 + length) / 20.
    """
    seen = np.zeros((len(inputs), TRAITS), np.uint8)
    if not len(inputs):
        return seen
    texture, grain = _of_texts(inputs) if isinstance(inputs, list) else _of_numbers(inputs)
    seen[:, TEXTURE], seen[:, GRAIN] = _stored(texture), _stored(grain)
    if residue is not None:
        seen[:, RESIDUE] = _stored(residue)
    return seen


def _stored(share: Array) -> Array:
    return np.asarray(1.0 + TOP * np.clip(np.nan_to_num(share), 0.0, 1.0) + 0.5).astype(np.uint8)


def _of_texts(texts: list[str]) -> tuple[Array, Array]:
    raw = [np.frombuffer(text.encode(), np.uint8) for text in texts]
    length = np.array([r.size for r in raw])
    entropy = np.array([_entropy(np.bincount(r)) for r in raw])
    return entropy / 8.0, np.log2(1.0 + length) / _LONGEST_BITS


def _entropy(counts: Array) -> float:
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return -float(shares @ np.log2(shares))


def _of_numbers(inputs: Array) -> tuple[Array, Array]:
    flat = np.asarray(inputs, np.float32).reshape(len(inputs), -1)
    if flat.shape[1] == 0:
        return np.zeros(len(flat)), np.ones(len(flat))
    left, right = _neighbours(flat)
    with np.errstate(all="ignore"):
        step = np.abs(right - left[:, : right.shape[1]]).sum(axis=1) / max(right.shape[1], 1)
        apart = left - left.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.einsum("ij,ij->i", apart, apart) / left.shape[1])
        texture = np.where(spread > 0, step / spread, 0.0) / _ROUGHEST
    few = left[:, :: -(-left.shape[1] // _GRAINS)]
    return texture, _free_bits(few).mean(axis=1) / _MANTISSA_BITS


def _neighbours(flat: Array) -> tuple[Array, Array]:
    """The numbers looked at, and their right neighbours: one less, where all are looked at."""
    width = flat.shape[1]
    if width <= _LOOKED_AT:
        return flat, flat[:, 1:]
    at = np.linspace(0, width - 2, _LOOKED_AT).astype(np.intp)
    return flat[:, at], flat[:, at + 1]


def _free_bits(numbers: Array) -> Array:
    """(n, f) low bits of each float32 mantissa that are zero, 0..23."""
    mantissa = np.ascontiguousarray(numbers).view(np.int32) | (1 << _MANTISSA_BITS)
    return np.asarray(np.bitwise_count((mantissa & -mantissa) - 1))
