"""Rows on their way into ledgers: kept until many are together, then handed over in order of principal and day."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch

DAY_S = 86_400
_CHUNK = 2048


class Run(NamedTuple):
    """Rows start..stop of a batch are all of one principal and day (days since 1970 UTC)."""

    name: str
    day: int
    start: int
    stop: int


def join(batches: Sequence[Batch]) -> Batch:
    """One batch of all rows in order; rows of batches without scores have zeros there. At least one batch."""
    if len(batches) == 1:
        return batches[0]
    seen = {name: None for batch in batches for name in batch.names}
    number = {name: i for i, name in enumerate(seen)}
    attributes: dict[str, frozenset[tuple[str, str]]] = {}
    for batch in batches:
        for name, pairs in zip(batch.names, batch.attributes, strict=True):
            attributes[name] = attributes.get(name, frozenset()) | pairs
    columns = {f: _stack([getattr(b, f) for b in batches], [len(b) for b in batches]) for f in _COLUMNS}
    numbers = [np.array([number[n] for n in b.names], np.int32)[b.principal] for b in batches]
    return Batch(
        names=tuple(seen),
        attributes=tuple(attributes[name] for name in seen),
        principal=np.concatenate(numbers),
        classes=max(b.classes for b in batches),
        **columns,
    )


_COLUMNS = tuple(f for f in Batch.__struct_fields__ if f not in ("names", "attributes", "principal", "classes"))


def _stack(parts: Sequence[Array], rows: Sequence[int]) -> Array:
    """Columns one after the other; absent ones, (0, 0) or (n, 0), become zeros where others are wider."""
    if all(p.ndim == 1 for p in parts):
        return np.concatenate(parts)
    width = max(p.shape[1] for p in parts)
    if width == 0:
        return np.zeros((sum(rows) if any(len(p) for p in parts) else 0, 0), parts[0].dtype)
    filled = [p if p.shape[1] == width else np.zeros((n, width), p.dtype) for p, n in zip(parts, rows, strict=True)]
    return np.concatenate(filled)


def runs(batch: Batch) -> Iterator[tuple[Batch, list[Run]]]:
    """The rows sorted by principal and day, some thousands at a time, with the runs in each part."""
    day = (batch.time_s // DAY_S).astype(np.int64)
    order = np.lexsort((day, batch.principal))
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        yield batch.take(rows), _runs(batch.names, batch.principal[rows], day[rows])


def _runs(names: Sequence[str], principal: Array, day: Array) -> list[Run]:
    changes = np.flatnonzero((np.diff(principal) != 0) | (np.diff(day) != 0)) + 1
    starts = [0, *changes.tolist()]
    stops = [*starts[1:], len(day)]
    return [Run(names[principal[a]], int(day[a]), a, b) for a, b in zip(starts, stops, strict=True)]


class Waiting:
    """Rows that wait. limit: how many may, before all are due."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._batches: list[Batch] = []
        self._rows = 0

    @property
    def full(self) -> bool:
        """True where so many wait that they should be taken."""
        return self._rows >= self.limit

    def add(self, batch: Batch, names: Collection[str]) -> None:
        """Let the rows of these principals wait."""
        among = np.array([n in names for n in batch.names], bool)
        if not among.any():
            return
        mine = batch if among.all() else batch.take(among[batch.principal])
        if len(mine):
            self._batches.append(mine)
            self._rows += len(mine)

    def take(self, names: Collection[str] | None = None) -> Batch | None:
        """The waiting rows of these principals, or of all; None where there are none."""
        if not self._batches:
            return None
        whole = join(self._batches)
        self._batches, self._rows = [], 0
        if names is None:
            return whole
        asked = np.array([n in names for n in whole.names], bool)
        if not asked.all():
            self.add(whole, [n for n, yes in zip(whole.names, asked, strict=True) if not yes])
        rows = asked[whole.principal]
        return whole.take(rows) if rows.any() else None
