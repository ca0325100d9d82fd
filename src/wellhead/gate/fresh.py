"""How many different inputs each watched principal has asked: what decides when its ledger is worth another look.

Rows would not do: a thief that repeats one question a thousand times could then ask a thousand new ones unread.
"""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch

MOST = 50_000
"""Different inputs remembered for one principal; every further row counts as new."""


class Fresh:
    """Exact counts of different inputs, by fingerprint."""

    def __init__(self) -> None:
        self._seen: dict[str, set[int]] = {}
        self._beyond: dict[str, int] = {}

    def count(self, principal: str) -> int:
        """Different inputs of a watched principal; 0 for any other."""
        return len(self._seen.get(principal, ())) + self._beyond.get(principal, 0)

    def watch(self, principal: str, past: Batch) -> None:
        """Begin to count a principal, from its past rows on."""
        if principal not in self._seen:
            self._seen[principal] = set()
            self.add(past)

    def add(self, batch: Batch) -> None:
        """Count the rows of those that are watched."""
        wanted = [i for i, name in enumerate(batch.names) if name in self._seen]
        if not wanted:
            return
        order = np.argsort(batch.principal, kind="stable")
        bounds = np.searchsorted(batch.principal[order], np.arange(len(batch.names) + 1))
        marks = batch.fingerprint[order]
        for i in wanted:
            self._count(batch.names[i], marks[bounds[i] : bounds[i + 1]])

    def _count(self, name: str, marks: Array) -> None:
        seen = self._seen[name]
        if len(seen) >= MOST:
            self._beyond[name] = self._beyond.get(name, 0) + len(marks)
        else:
            seen.update(marks.tolist())
