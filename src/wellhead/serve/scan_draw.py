"""What was drawn: ledgers of some principals, summed in a second reading of the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from wellhead.capture.importers.fields import quoted
from wellhead.core.batch import Batch
from wellhead.meter.ledger import Ledger, from_runs
from wellhead.meter.profile import Profile
from wellhead.meter.reading import Reading, read

CHUNK = 8192


def among(names: Sequence[str]) -> str:
    """SQL that keeps the requests of these principals."""
    return f"caller IN ({', '.join(map(quoted, names))})"


class Ledgers:
    """One ledger a principal, over the whole log. names: whose rows are summed."""

    def __init__(self, profile: Profile, names: Iterable[str]) -> None:
        self._profile = profile
        self._of = {name: Ledger.empty(profile) for name in names}
        self.rows = 0

    def fold(self, batch: Batch) -> None:
        """Add the coded rows of a batch; those of others, and rows without codes, are left out."""
        mine = np.array([n in self._of for n in batch.names], bool)
        if not mine.any() or not batch.codes.shape[1]:
            return
        at = np.flatnonzero(mine[batch.principal] & batch.codes.any(axis=1))
        at = at[np.argsort(batch.principal[at], kind="stable")]
        for start in range(0, at.size, CHUNK):
            self._add(batch.take(at[start : start + CHUNK]))

    def _add(self, part: Batch) -> None:
        """Rows sorted by principal."""
        cuts = [0, *(np.flatnonzero(np.diff(part.principal)) + 1).tolist(), len(part)]
        for start, more in zip(cuts, from_runs(self._profile, part, cuts), strict=False):
            name = part.names[part.principal[start]]
            self._of[name] = self._of[name] + more
        self.rows += len(part)

    def readings(self) -> Iterator[tuple[str, Reading]]:
        """The reading of each principal that has any coded row."""
        for name, ledger in self._of.items():
            if ledger.rows:
                yield name, read(ledger, self._profile)

    def union(self, names: Iterable[str]) -> Reading | None:
        """The reading of a group's summed ledger; None where it has no coded row."""
        total = Ledger.empty(self._profile)
        for name in names:
            total = total + self._of.get(name, Ledger.empty(self._profile))
        return read(total, self._profile) if total.rows else None
