"""Requests that came before: the same one is often logged twice."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array

PLACES = 1 << 21
SLOTS = 8
"""Of one bucket; more cost more to look through, fewer forget earlier."""
_PIECE = 1 << 15
_ROUNDS = 2 * SLOTS


class Seen:
    """Remembers the hashes of up to `places` requests, in buckets of SLOTS; a bucket's newest takes its oldest's place.

    Nothing new is ever taken for a repeat.  places: a power of two, at least SLOTS.
    """

    def __init__(self, places: int = PLACES) -> None:
        buckets = places // SLOTS
        self._held = np.zeros((buckets, SLOTS), np.uint64)
        self._next = np.zeros(buckets, np.uint8)
        self._first = np.zeros(buckets, np.int32)
        self._mask = np.uint64(buckets - 1)

    def fresh(self, hashes: Array) -> Array:
        """(n,) bool: not seen before, in this array (n,) uint64 or earlier ones; 0 is unknown, and always fresh."""
        parts = [self._piece(hashes[i : i + _PIECE]) for i in range(0, hashes.size, _PIECE)]
        return np.concatenate(parts) if parts else np.zeros(0, np.bool_)

    def _piece(self, hashes: Array) -> Array:
        bucket: Array = (hashes & self._mask).astype(np.intp)
        equal = self._held.take(bucket, axis=0) == hashes[:, None]
        # SLOTS bytes of truth are one number
        new = equal.view(np.uint64)[:, 0] == 0
        fresh: Array = new | (hashes == 0)
        new &= hashes != 0
        left = np.flatnonzero(new)
        hashes, bucket = hashes[left], bucket[left]
        for _ in range(_ROUNDS):
            if not left.size:
                return fresh
            other, repeat = self._put(hashes, bucket)
            fresh[left[repeat]] = False
            hashes, bucket, left = hashes[other], bucket[other], left[other]
        # more than belong into one bucket: told apart, and not remembered
        fresh[np.delete(left, np.unique(hashes, return_index=True)[1])] = False
        return fresh

    def _put(self, hashes: Array, bucket: Array) -> tuple[Array, Array]:
        """Remember the first of each bucket; indices of those that are not it, and of those that are it again."""
        index = np.arange(hashes.size, dtype=np.int32)
        # of several writes to one place the last one stays: backwards, that is the first
        self._first[bucket[::-1]] = index[::-1]
        first = self._first.take(bucket)
        put = first == index
        other = np.flatnonzero(~put)
        chosen, kept = (bucket[put], hashes[put]) if other.size else (bucket, hashes)
        slot = self._next.take(chosen)
        self._held.ravel()[chosen * SLOTS + slot] = kept
        self._next[chosen] = (slot + 1) % SLOTS
        same = hashes[first[other]] == hashes[other]
        return other[~same], other[same]
