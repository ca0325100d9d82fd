"""What was drawn: coded rows are laid aside on disk while a log is read, and summed once it is known whose matter."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch
from wellhead.meter.ledger import Ledger, from_runs
from wellhead.meter.profile import Profile
from wellhead.meter.reading import Reading, read

CHUNK = 8192
_TOGETHER = 1 << 20
"""Rows that are sorted by principal at once: one product then serves many rows of the same."""
_KEPT = ("codes", "given", "top1", "scores", "score_classes", "values")


class Spool:
    """Coded rows on disk, in a file that is gone when the scan is. rows: how many.

    A row takes its codes and scores and about 30 bytes.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._numbers: dict[str, int] = {}
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="wellhead-")  # noqa: SIM115
        self._classes = 0

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()

    def add(self, batch: Batch) -> None:
        """Lay aside the coded rows of a batch."""
        rows = np.flatnonzero(batch.codes.any(axis=1)) if batch.codes.shape[1] else np.zeros(0, np.intp)
        if not rows.size:
            return
        numbers = self._numbers
        number = np.array([numbers.setdefault(n, len(numbers)) for n in batch.names], np.int32)
        self._classes = max(self._classes, batch.classes)
        np.save(self._file, number[batch.principal[rows]])
        for name in _KEPT:
            column = getattr(batch, name)
            np.save(self._file, column[rows] if len(column) else column)
        self.rows += rows.size

    def batches(self, names: Iterable[str]) -> Iterator[Batch]:
        """The rows of these principals, sorted by principal, in parts."""
        wanted = np.full(len(self._numbers), -1, np.int32)
        known = tuple(n for n in names if n in self._numbers)
        wanted[[self._numbers[n] for n in known]] = np.arange(len(known))
        held, rows = list[dict[str, Array]](), 0
        for part in self._parts(wanted):
            held.append(part)
            rows += part["principal"].size
            if rows >= _TOGETHER:
                yield _together(held, known, self._classes)
                held, rows = [], 0
        if rows:
            yield _together(held, known, self._classes)

    def _parts(self, wanted: Array) -> Iterator[dict[str, Array]]:
        self._file.seek(0)
        left = self.rows
        while left:
            columns = {name: np.load(self._file, allow_pickle=False) for name in ("principal", *_KEPT)}
            left -= columns["principal"].size
            columns["principal"] = wanted[columns["principal"]]
            mine = columns["principal"] >= 0
            yield {name: c[mine] if len(c) else c for name, c in columns.items()}


def _together(held: list[dict[str, Array]], names: tuple[str, ...], classes: int) -> Batch:
    """One batch of these parts, sorted by principal; what its rows are summed by, and nothing else, is told."""
    wide = {name: max(p[name].shape[1] for p in held) for name in ("codes", "scores")}
    columns = {name: np.concatenate([_padded(p, name, wide.get(name)) for p in held]) for name in held[0]}
    order = np.argsort(columns["principal"], kind="stable")
    n = order.size
    absent: dict[str, Any] = {
        "time_s": np.zeros(n),
        "fingerprint": np.zeros(n, np.uint64),
        "traits": np.zeros((n, 0), np.uint8),
        "asked": np.zeros(n, np.uint8),
        "confidence": np.full(n, np.nan, np.float32),
    }
    sorted_columns = {name: c[order] if len(c) else c for name, c in columns.items()}
    return Batch(names=names, attributes=(frozenset(),) * len(names), classes=classes, **absent, **sorted_columns)


def _padded(part: dict[str, Array], name: str, width: int | None) -> Array:
    column = part[name]
    if width is None or column.shape[1] == width:
        return column
    return np.pad(column, ((0, 0), (0, width - column.shape[1])))


def ledgers(profile: Profile, spool: Spool, names: Iterable[str]) -> dict[str, Ledger]:
    """The ledger of each of these principals that has coded rows, over the whole log."""
    found: dict[str, Ledger] = {}
    for batch in spool.batches(names):
        for start in range(0, len(batch), CHUNK):
            part = batch.take(slice(start, start + CHUNK))  # type: ignore[arg-type]
            cuts = [0, *(np.flatnonzero(np.diff(part.principal)) + 1).tolist(), len(part)]
            for at, more in zip(cuts, from_runs(profile, part, cuts), strict=False):
                name = part.names[part.principal[at]]
                found[name] = found[name] + more if name in found else more
    return found


def union(profile: Profile, of: dict[str, Ledger], names: Iterable[str]) -> Reading | None:
    """The reading of a group's summed ledger; None where it has no coded row."""
    total = Ledger.empty(profile)
    for name in names:
        total = total + of.get(name, Ledger.empty(profile))
    return read(total, profile) if total.rows else None
