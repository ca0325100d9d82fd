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
from wellhead.core.batch import Batch, Visits
from wellhead.core.errors import ProfileError
from wellhead.meter import calls
from wellhead.meter.names import Names
from wellhead.meter.record import WORDS, combine, fold, records
from wellhead.meter.space import Space
from wellhead.meter.view import Attribute, View, Views, join, look, one

__all__ = ["VALUES_PER_ATTRIBUTE", "Attribute", "Sketches", "View"]

VALUES_PER_ATTRIBUTE = 8

_CHUNK = 1 << 17
_LOOK = 4096
_PART = 8192
"""Rows that are added at once: what is made of so many, and their records, stays near the processor."""
_ALL = slice(None)


class Sketches:
    """The records of all principals, in the order in which they were first seen.

    due: principals worth looking at after the last batch: their rows, or those of a busy minute or hour, passed a
    power of two.  space: where coded rows lie; None until a profile is fitted, then it stays.
    """

    def __init__(self, space: Space | None = None) -> None:
        self._names = Names()
        self._space = space
        self.due: list[str] = []
        self._chunks: list[Array] = []
        # Tuples, since a set of four pairs takes three times the memory.
        self._attributes: list[tuple[Attribute, ...]] = []
        self._pairs: dict[Attribute, Attribute] = {}

    def __len__(self) -> int:
        return len(self.names)

    @property
    def names(self) -> list[str]:
        """All principals, in the order in which they were first seen."""
        return self._names.names

    @property
    def space(self) -> Space | None:
        """Where coded rows lie; raises ProfileError where another is set once rows may have been placed in one."""
        return self._space

    @space.setter
    def space(self, space: Space) -> None:
        if self._space is not None and self._space is not space:
            raise ProfileError("these sketches have a space already", "start new ones, and fold the history into them")
        self._space = space

    def update(self, batch: Batch) -> None:
        """Add a batch."""
        self.due = []
        for part in batch.parts(_PART) if len(batch) else ():
            self._update(part)

    def _update(self, batch: Batch) -> None:
        present, inverse = _present(batch.principal, len(batch.names))
        names, attributes = batch.names, batch.attributes
        if present.size < len(names):
            names = tuple(names[i] for i in present)
            attributes = tuple(attributes[i] for i in present)
        where = self._places(names)
        state = self._gather(where)
        self._notice(state, where, attributes)
        due = fold(state, inverse, batch, self._space)
        self._scatter(where, state)
        self.due += [names[i] for i in np.flatnonzero(due)]

    def visit(self, visits: Visits) -> None:
        """Add HTTP requests, answered or not."""
        if not len(visits):
            return
        present, inverse = _present(visits.principal, len(visits.names))
        counted = calls.count(present.size, inverse, visits)
        where = self._places([visits.names[i] for i in present])
        for chunk, at in self._split(where):
            calls.visit(records(chunk), where[at] % _CHUNK, counted[at])

    def view(self, name: str, now_s: float | None = None) -> View:
        """What is known of a principal; an empty View for one never seen.

        now_s: volumes are those before this time; None: before its last row.
        """
        place = self._names.find(name)
        if place < 0:
            return View(principal=name)
        state = records(self._chunks[place // _CHUNK][place % _CHUNK])
        return one(state, name, frozenset(self._attributes[place]), now_s)

    def columns(self, names: Sequence[str] | None = None, now_s: float | None = None) -> Views:
        """What is known of these principals, of all where None; a row of nothing for one never seen.

        now_s: as for `view`.
        """
        names = self.names if names is None else names
        parts = [self._look(names[i : i + _LOOK], now_s) for i in range(0, len(names), _LOOK)]
        return join(parts) if parts else self._look((), now_s)

    def _look(self, names: Sequence[str], now_s: float | None) -> Views:
        where = np.fromiter(map(self._names.find, names), np.intp, len(names))
        state = np.zeros((where.size, WORDS), dtype=np.int64)
        known = np.flatnonzero(where >= 0)
        if known.size:
            state[known] = self._gather(where[known]).view(np.int64).reshape(known.size, WORDS)
        attributes = [frozenset(self._attributes[place] if place >= 0 else ()) for place in where.tolist()]
        return look(records(state), names, attributes, now_s)

    def views(self) -> Iterable[View]:
        """All principals, in the order in which they were first seen."""
        return (self.view(name) for name in self.names)

    def merge(self, other: Sketches) -> Sketches:
        """A new Sketches of both; equal to folding all rows into one, but for the gaps across the seam."""
        merged = Sketches(self.space or other.space)
        for part in (self, other):
            for start in range(0, len(part), _CHUNK):
                names = part.names[start : start + _CHUNK]
                where = merged._places(names)
                state = merged._gather(where)
                merged._notice(state, where, [frozenset(a) for a in part._attributes[start : start + _CHUNK]])
                combine(state, records(part._chunks[start // _CHUNK][: len(names)]))
                merged._scatter(where, state)
        return merged

    def _places(self, names: Sequence[str]) -> Array:
        """(u,) record numbers of these principals, made where new."""
        places = self._names.number(names)
        self._attributes.extend(() for _ in range(len(self) - len(self._attributes)))
        while len(self._chunks) * _CHUNK < len(self):
            self._chunks.append(np.zeros((_CHUNK, WORDS), dtype=np.int64))
        return places

    def _notice(self, state: Array, where: Array, attributes: Sequence[frozenset[Attribute]]) -> None:
        """Remember the attributes of these principals; a set equal to the last one seen costs only its hash."""
        hashes = np.fromiter(map(hash, attributes), np.int64, len(attributes))
        for i in np.flatnonzero(hashes != state["seen"]).tolist():
            place = int(where[i])
            known = self._attributes[place]
            if not attributes[i].issubset(known):
                self._attributes[place] = self._capped(attributes[i].union(known))
        state["seen"] = hashes

    def _capped(self, pairs: frozenset[Attribute]) -> tuple[Attribute, ...]:
        """At most VALUES_PER_ATTRIBUTE values of each attribute; equal pairs are one object, since many share them."""
        if len(pairs) > VALUES_PER_ATTRIBUTE:
            union = sorted(pairs)
            ahead = [("", "")] * VALUES_PER_ATTRIBUTE + union
            pairs = frozenset(pair for pair, eighth in zip(union, ahead, strict=False) if pair[0] != eighth[0])
        intern = self._pairs.setdefault
        return tuple([intern(pair, pair) for pair in pairs])

    def _gather(self, where: Array) -> Array:
        """(u,) records, copied."""
        if len(self._chunks) == 1:
            return records(self._chunks[0].take(where, axis=0))
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


def _present(principal: Array, size: int) -> tuple[Array, Array]:
    """Which of so many names occur, and each row's index among these."""
    rows = np.bincount(principal, minlength=size)
    return np.flatnonzero(rows), (np.cumsum(rows > 0) - 1)[principal]
