"""A numbered set of names, found a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellhead.core.arrays import Array

_WIDTH = 8
_SMALLEST = 1 << 8


class Names:
    """Gives each new name the next number.

    A hash table in numpy, with one cache line of eight hashes a bucket: a dict of 10^6 strings waits for memory four
    times a lookup, one name after the other; here a whole batch waits at once. Names are told apart by their 64-bit
    hash, which two of 10^6 names share with probability 3e-8.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._hashes = np.zeros((_SMALLEST, _WIDTH), dtype=np.int64)
        self._places = np.zeros((_SMALLEST, _WIDTH), dtype=np.int32)

    def __len__(self) -> int:
        return len(self.names)

    def find(self, name: str) -> int:
        """The number of one name, -1 where unknown."""
        wanted = hash(name) or 1
        bucket = wanted & (len(self._hashes) - 1)
        while True:
            held = self._hashes[bucket].tolist()
            if wanted in held:
                return int(self._places[bucket, held.index(wanted)])
            if not held[-1]:
                return -1
            bucket = (bucket + 1) & (len(self._hashes) - 1)

    def number(self, names: Sequence[str]) -> Array:
        """(u,) numbers of these names, all different; new names get new numbers, in their order."""
        hashes = _hashed(names)
        numbers = self._find(hashes)
        new = np.flatnonzero(numbers < 0)
        if new.size:
            numbers[new] = np.arange(len(self.names), len(self.names) + new.size)
            self.names.extend(names[i] for i in new.tolist())
            self._grow()
            self._insert(hashes[new], numbers[new])
        return numbers

    def _find(self, hashes: Array) -> Array:
        found = np.full(hashes.size, -1, dtype=np.intp)
        todo = np.arange(hashes.size)
        bucket = hashes & (len(self._hashes) - 1)
        while todo.size:
            at = bucket[todo]
            held = self._hashes[at]
            row, slot = np.nonzero(held == hashes[todo, None])
            found[todo[row]] = self._places[at[row], slot]
            # A bucket fills from the left: a free last slot means that the search ends here.
            onward = held[:, -1] != 0
            onward[row] = False
            todo = todo[onward]
            bucket[todo] = (bucket[todo] + 1) & (len(self._hashes) - 1)
        return found

    def _insert(self, hashes: Array, numbers: Array) -> None:
        """Place hashes that are not in the table; what finds its bucket full moves on to the next."""
        mask = len(self._hashes) - 1
        bucket = hashes & mask
        while hashes.size:
            order = np.argsort(bucket, kind="stable")
            hashes, numbers, bucket = hashes[order], numbers[order], bucket[order]
            rank = np.arange(bucket.size) - np.searchsorted(bucket, bucket)
            slot = np.count_nonzero(self._hashes[bucket], axis=1) + rank
            fits = slot < _WIDTH
            at = bucket[fits], slot[fits]
            self._hashes[at], self._places[at] = hashes[fits], numbers[fits]
            hashes, numbers, bucket = hashes[~fits], numbers[~fits], (bucket[~fits] + 1) & mask

    def _grow(self) -> None:
        """Keep the table at most half full."""
        size = len(self._hashes)
        if len(self.names) * 2 <= size * _WIDTH:
            return
        while len(self.names) * 2 > size * _WIDTH:
            size *= 2
        used = self._hashes != 0
        hashes, numbers = self._hashes[used], self._places[used]
        self._hashes = np.zeros((size, _WIDTH), dtype=np.int64)
        self._places = np.zeros((size, _WIDTH), dtype=np.int32)
        self._insert(hashes, numbers)


def _hashed(names: Sequence[str]) -> Array:
    """(u,) int64, never 0: that is a free slot."""
    hashes = np.fromiter(map(hash, names), np.int64, len(names))
    hashes[hashes == 0] = 1
    return hashes
