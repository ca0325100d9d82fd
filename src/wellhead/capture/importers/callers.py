"""Who asked: names numbered a block at a time, and the attributes that each was seen with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wellhead.capture.importers.fields import WORDS
from wellhead.capture.importers.seen import Seen
from wellhead.core.arrays import Array

if TYPE_CHECKING:
    import duckdb

_MIX = np.uint64(0x9E3779B97F4A7C15)
MOST_PAIRS = 48
"""A principal seen with more (attribute, value) pairs is shared by many; the sketches keep 8 values of each anyway."""

Text = str | bytes
"""Bytes are ASCII."""
Pairs = frozenset[tuple[str, str]]


class Callers:
    """Remembers of each principal only the pairs that it was seen with."""

    def __init__(self) -> None:
        self._pairs: dict[int, Pairs] = {}
        self._seen = Seen(1 << 18)

    def of(self, cursor: duckdb.DuckDBPyConnection, whom: Array) -> tuple[tuple[str, ...], Array, tuple[Pairs, ...]]:
        """Names of the table `asked`, which of them each row is (n,) int32, and the pairs of each name so far.

        whom: (n,) uint64 hashes of the names.
        """
        hashes, principal = np.unique(whom, return_inverse=True)
        names = cursor.execute(
            "SELECT any_value(caller) AS caller FROM asked GROUP BY hash(caller) ORDER BY hash(caller)"
        ).fetchnumpy()
        self._notice(cursor)
        pairs = self._pairs
        attributes = tuple([pairs.get(h, _NONE) for h in hashes.tolist()])
        return tuple(names["caller"].tolist()), principal.astype(np.int32), attributes

    def _notice(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Take up the pairs of combinations that were not met lately."""
        there = self._there(cursor)
        if not there:
            return
        listed = ", ".join(there)
        met = cursor.execute(f"SELECT hash(caller, {listed}) AS h FROM asked").fetchnumpy()["h"]  # noqa: S608
        new = np.flatnonzero(self._seen.fresh(np.asarray(met)))
        if not new.size:
            return
        rows = cursor.execute(
            f"SELECT hash(caller) AS h, {listed} FROM (SELECT *, row_number() OVER () - 1 AS n FROM "  # noqa: S608
            f"asked) SEMI JOIN (SELECT unnest(?) AS n) USING (n)",
            [new.tolist()],
        ).fetchall()
        for whom, *values in rows:
            known = self._pairs.get(whom, _NONE)
            if len(known) < MOST_PAIRS:
                self._pairs[whom] = known | {pair for pair in zip(there, values, strict=True) if pair[1]}

    def _there(self, cursor: duckdb.DuckDBPyConnection) -> Sequence[str]:
        """The attributes that any row of the table has."""
        counts = cursor.execute(f"SELECT {', '.join(f'count({w})' for w in WORDS)} FROM asked").fetchone() or ()  # noqa: S608
        return [word for word, n in zip(WORDS, counts, strict=False) if n]


class _Numbers(dict[str, int]):
    """Gives each new name the next number."""

    def __missing__(self, name: str) -> int:
        number = self[name] = len(self)
        return number


class Met:
    """The same for callers that come as lists, a piece of a block at a time; names of one (keyed) hash are one."""

    def __init__(self) -> None:
        self._pairs: dict[str, Pairs] = {}
        self._seen = Seen(1 << 18)
        self._numbers = _Numbers()

    def take(self, callers: Sequence[Text], words: Mapping[str, Sequence[Text]]) -> Array:
        """(n,) int32 which of the block's names each row is. words: (n,) of each attribute, empty where unknown."""
        told = {word: values for word, values in words.items() if any(values)}
        hashes = _hashes(callers)
        if told:
            self._notice(callers, hashes, told)
        _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        numbers = np.empty(first.size, np.int32)
        # new names are numbered as they come
        for i in np.argsort(first).tolist():
            numbers[i] = self._numbers[plainly(callers[first[i]])]
        return numbers[inverse]

    def _notice(self, callers: Sequence[Text], hashes: Array, told: dict[str, Sequence[Text]]) -> None:
        """Take up the pairs of combinations that were not met lately."""
        met = hashes.copy()
        for values in told.values():
            met *= _MIX
            met += _hashes(values)
        for i in np.flatnonzero(self._seen.fresh(met)).tolist():
            name = plainly(callers[i])
            known = self._pairs.get(name, _NONE)
            if len(known) < MOST_PAIRS:
                self._pairs[name] = known.union([(word, plainly(v[i])) for word, v in told.items() if v[i]])

    def done(self) -> tuple[tuple[str, ...], tuple[Pairs, ...]]:
        """The block's names and the pairs of each so far; the next block numbers anew."""
        names = tuple(self._numbers)
        self._numbers = _Numbers()
        return names, tuple([self._pairs.get(name, _NONE) for name in names])


def plainly(text: Text) -> str:
    """As text."""
    return text if isinstance(text, str) else text.decode()


def _hashes(texts: Sequence[Text]) -> Array:
    """(n,) uint64; text and its ASCII bytes have the same."""
    return np.fromiter(map(hash, texts), np.int64, len(texts)).view(np.uint64)


_NONE: Pairs = frozenset()
