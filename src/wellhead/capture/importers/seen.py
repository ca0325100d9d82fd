"""Requests that came before: the same one is often logged twice."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array

PLACES = 1 << 20


class Seen:
    """Remembers the hashes of about `places` requests, in one place each: a newer one takes an older one's.

    So a repeat is found where it comes within a million requests, and nothing new is ever taken for a repeat.
    places: a power of two.
    """

    def __init__(self, places: int = PLACES) -> None:
        self._held = np.zeros(places, np.uint64)
        self._first = np.zeros(places, np.int32)
        self._mask = np.uint64(places - 1)

    def fresh(self, hashes: Array) -> Array:
        """(n,) bool: not seen before, in this array (n,) uint64 or earlier ones; 0 is unknown, and always fresh."""
        place = (hashes & self._mask).astype(np.intp)
        index = np.arange(hashes.size, dtype=np.int32)
        # of several writes to one place the last one stays: backwards, that is the first
        self._first[place[::-1]] = index[::-1]
        first = self._first[place]
        twice = (self._held[place] == hashes) | ((hashes[first] == hashes) & (first != index))
        self._held[place] = hashes
        return np.asarray(~twice | (hashes == 0))
