"""Texts as counts of hashed n-grams: words and word pairs, and runs of 3 to 5 bytes."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence

import numpy as np

from wellhead.core.arrays import Array

_RUNS = (3, 4, 5)
_MIX = np.uint64(0x9E3779B97F4A7C15)


def _word_hashes(text: str) -> list[int]:
    words = text.split()
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(words)]
    return [zlib.crc32(w.encode()) for w in (*words, *pairs)]


def _run_hashes(text: str) -> Array:
    """Hashes of every run of 3, 4 and 5 bytes, the text padded by a space at each end."""
    data = np.frombuffer(f" {text} ".encode(), np.uint8).astype(np.uint64)
    found = []
    for length in _RUNS:
        value = np.full(max(data.size - length + 1, 0), length, np.uint64)
        for i in range(length):
            value = (value ^ data[i : i + value.size]) * _MIX
            value ^= value >> np.uint64(29)
        found.append(value)
    return np.concatenate(found)


def _row(text: str, half: int) -> Array:
    """(2 * half,) float32: log-damped counts, each half of unit length; words first, runs of bytes second."""
    text = " ".join(text.lower().split())
    parts = []
    for hashes in (np.array(_word_hashes(text), np.uint64), _run_hashes(text)):
        counts = np.log1p(np.bincount((hashes % np.uint64(half)).astype(np.int64), minlength=half))
        parts.append(counts / max(float(np.linalg.norm(counts)), 1.0))
    return np.concatenate(parts).astype(np.float32)


def hashed(texts: Sequence[str], buckets: int) -> Array:
    """Hashed n-gram counts of texts, (n, buckets) float32; buckets must be even.

    Feature hashing after Weinberger et al. 2009, eq. 1, without the sign.
    """
    rows = [_row(t, buckets // 2) for t in texts]
    return np.stack(rows) if rows else np.zeros((0, buckets), np.float32)
