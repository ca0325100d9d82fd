"""Columns of our own log that hold several numbers an event: packed bytes and lists, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np

from wellhead.core.arrays import Array

BLOBS = {"fingerprints": "<u8", "codes": "|i1", "traits": "|u1", "scores": "|i1", "score_classes": "<u2"}
LISTS = {"top1": -1.0, "confidence_pm": -1.0, "values": np.nan}
"""Lists of one number a row, and what stands for none."""
NUMBERS = ("time_us", "rows", "part", "status", "asked", "given", "classes")


def blob(parts: Sequence[bytes], rows: Array, dtype: str) -> Array:
    """(n, width) the packed rows of some requests one below the other, zeros where there is none of that width.

    rows: (m,) of each request; the width is the commonest.
    """
    size = np.dtype(dtype).itemsize
    n, many = int(rows.sum()), len(parts)
    whole = b"".join(parts)
    if not whole:
        return np.zeros((n, 0), dtype)
    length = len(whole) // many
    if length % size == 0 and n == many and set(map(len, parts)) == {length} and (rows == 1).all():
        return np.frombuffer(whole, dtype).reshape(n, -1)
    lengths = np.fromiter(map(len, parts), np.int64, many)
    there = lengths > 0
    width = int(np.bincount((lengths // np.maximum(rows, 1))[there]).argmax()) // size
    good = (lengths == rows * width * size) & there
    table = np.zeros((n, width), dtype)
    kept = b"".join([part for part, fits in zip(parts, good.tolist(), strict=True) if fits])
    table[np.repeat(good, rows)] = np.frombuffer(kept, dtype).reshape(-1, width) if width else 0
    return table


def listed(parts: Sequence[Sequence[Any]], rows: Array, missing: float) -> Array:
    """(n,) float64, one number a row; requests that have not as many as rows are left at `missing`."""
    n, many = int(rows.sum()), len(parts)
    flat = list(chain.from_iterable(parts))
    if not flat:
        return np.full(n, missing)
    if n == many == len(flat) and all(parts) and (rows == 1).all():
        return _numbers(flat, missing)
    counts = np.fromiter(map(len, parts), np.int64, many)
    fits = counts == rows
    out = np.full(n, missing)
    out[np.repeat(fits, rows)] = _numbers(flat, missing)[np.repeat(fits, counts)]
    return out


def _numbers(flat: list[Any], missing: float) -> Array:
    with suppress(ValueError, OverflowError):
        return np.array(flat, np.float64)
    return np.array([_number(x, missing) for x in flat])


def _number(said: Any, missing: float) -> float:
    try:
        return float(said)
    except (ValueError, OverflowError):
        return missing


def joined(parts: Sequence[Array]) -> Array:
    """The parts one below the other, the narrower filled up with zeros."""
    if parts[0].ndim == 2:
        width = max(part.shape[1] for part in parts)
        parts = [p if p.shape[1] == width else np.pad(p, ((0, 0), (0, width - p.shape[1]))) for p in parts]
    return np.concatenate(parts)
