"""Sketches: what is remembered of every principal, watched or not.

One fixed-size record a principal, so that a batch is one gather, some column arithmetic and one scatter, whatever the
number of principals. Everything is a sum, a minimum, a maximum or a bottom-k sample, and so adds exactly whichever way
the rows were split and ordered; only the gaps between requests do not: one across the seam of two folds is not seen,
nor one between rows that came in another order than their times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch
from wellhead.meter.names import Names
from wellhead.meter.record import WORDS, combine, fold, records, unpack
from wellhead.meter.view import Attribute, View, look

__all__ = ["VALUES_PER_ATTRIBUTE", "Attribute", "Sketches", "View"]

VALUES_PER_ATTRIBUTE = 8

_CHUNK = 1 << 17
_ALL = slice(None)
_NOTHING: frozenset[Attribute] = frozenset()


class Sketches:
    """The records of all principals, in the order in which they were first seen.

    due: principals worth looking at after the last batch: their rows, or those of a busy minute or hour, passed a
    power of two.
    """

    def __init__(self) -> None:
        self._names = Names()
        self.due: list[str] = []
        self._chunks: list[Array] = []
        self._attributes: dict[int, frozenset[Attribute]] = {}
        self._pairs: dict[Attribute, Attribute] = {}

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """All principals, in the order in which they were first seen."""
        return self._names.names

    def update(self, batch: Batch) -> None:
        """Add a batch."""
        self.due = []
        if not len(batch):
            return
        rows = np.bincount(batch.principal, minlength=len(batch.names))
        present = np.flatnonzero(rows)
        inverse = (np.cumsum(rows > 0) - 1)[batch.principal]
        names, attributes = batch.names, batch.attributes
        if present.size < len(names):
            names = tuple(names[i] for i in present)
            attributes = tuple(attributes[i] for i in present)
        where = self._places(names)
        state = self._gather(where)
        self._notice(state, where, attributes)
        due = fold(state, inverse, batch)
        self._scatter(where, state)
        self.due = [names[i] for i in np.flatnonzero(due)]

    def view(self, name: str, now_s: float | None = None) -> View:
        """What is known of a principal; an empty View for one never seen.

        now_s: volumes are those before this time; None: before its last row.
        """
        place = self._names.find(name)
        if place < 0:
            return View(principal=name)
        record = unpack(self._chunks[place // _CHUNK][place % _CHUNK])
        return look(record, name, self._attributes.get(place, _NOTHING), now_s)

    def views(self) -> Iterable[View]:
        """All principals, in the order in which they were first seen."""
        return (self.view(name) for name in self.names)

    def merge(self, other: Sketches) -> Sketches:
        """A new Sketches of both; equal to folding all rows into one, but for the gaps across the seam."""
        merged = Sketches()
        for part in (self, other):
            for start in range(0, len(part), _CHUNK):
                names = part.names[start : start + _CHUNK]
                where = merged._places(names)
                state = merged._gather(where)
                merged._notice(state, where, [part._attributes.get(start + i, _NOTHING) for i in range(len(names))])
                combine(state, records(part._chunks[start // _CHUNK][: len(names)]))
                merged._scatter(where, state)
        return merged

    def _places(self, names: Sequence[str]) -> Array:
        """(u,) record numbers of these principals, made where new."""
        places = self._names.number(names)
        while len(self._chunks) * _CHUNK < len(self):
            self._chunks.append(np.zeros((_CHUNK, WORDS), dtype=np.int64))
        return places

    def _notice(self, state: Array, where: Array, attributes: Sequence[frozenset[Attribute]]) -> None:
        """Remember the attributes of these principals; a set equal to the last one seen costs only its hash."""
        hashes = np.fromiter(map(hash, attributes), np.int64, len(attributes))
        for i in np.flatnonzero(hashes != state["seen"]).tolist():
            place = int(where[i])
            known = self._attributes.get(place, _NOTHING)
            if not attributes[i] <= known:
                self._attributes[place] = self._capped(known | attributes[i])
        state["seen"] = hashes

    def _capped(self, pairs: frozenset[Attribute]) -> frozenset[Attribute]:
        """At most VALUES_PER_ATTRIBUTE values of each attribute; equal pairs are one object, since many share them."""
        if len(pairs) > VALUES_PER_ATTRIBUTE:
            union = sorted(pairs)
            ahead = [("", "")] * VALUES_PER_ATTRIBUTE + union
            pairs = frozenset(pair for pair, eighth in zip(union, ahead, strict=False) if pair[0] != eighth[0])
        intern = self._pairs.setdefault
        return frozenset([intern(pair, pair) for pair in pairs])

    def _gather(self, where: Array) -> Array:
        """(u,) records, copied."""
        words = np.empty((where.size, WORDS), dtype=np.int64)
        for chunk, at in self._split(where):
            words[at] = chunk.take(where[at] % _CHUNK, axis=0)
        return records(words)

    def _scatter(self, where: Array, state: Array) -> None:
        words = state.view(np.int64).reshape(where.size, WORDS)
        for chunk, at in self._split(where):
            chunk[where[at] % _CHUNK] = words[at]

    def _split(self, where: Array) -> Iterable[tuple[Array, Array | slice]]:
        """The chunks that these records lie in, each with the positions in `where`."""
        if len(self._chunks) == 1:
            return [(self._chunks[0], _ALL)]
        numbers = where // _CHUNK
        return [(self._chunks[c], np.flatnonzero(numbers == c)) for c in np.flatnonzero(np.bincount(numbers))]
