"""The live meter: sketches of everybody, ledgers by day of the watched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch
from wellhead.meter.ledger import Ledger
from wellhead.meter.profile import Profile

DAY_S = 86_400
_ENOUGH = 4096


class Sketching(Protocol):
    """What the meter asks of the sketches beside it."""

    def update(self, batch: Batch) -> None:
        """Fold in answered rows."""


class Meter:
    """Keeps what is needed to read anyone: little of the quiet, ledgers of the watched.

    window_days: ledgers older than this leave the sum.  sketches: of all principals, updated with every batch.
    Watched rows wait until enough are together, so that one matrix product serves many; reading folds them first.
    """

    def __init__(self, profile: Profile, window_days: int, sketches: Sketching) -> None:
        self.profile = profile
        self.window_days = window_days
        self.sketches = sketches
        self._days: dict[str, dict[int, Ledger]] = {}
        self._waiting: list[Batch] = []
        self._rows = 0

    @property
    def watched(self) -> frozenset[str]:
        """Principals that have ledgers."""
        return frozenset(self._days)

    def is_watched(self, principal: str) -> bool:
        """True where this principal has ledgers."""
        return principal in self._days

    def watch(self, principal: str, history: Batch) -> None:
        """Begin ledgers of a principal from its past rows; rows of others in `history` are left out."""
        if principal in self._days:
            return
        self._days[principal] = {}
        self._accept(history, frozenset((principal,)))

    def unwatch(self, principal: str) -> None:
        """Drop the ledgers of a principal; its history remains."""
        self._fold()
        self._days.pop(principal, None)

    def update(self, batch: Batch) -> None:
        """Fold in answered rows: sketches of all, ledgers of the watched."""
        self.sketches.update(batch)
        self._accept(batch, self._days.keys())

    def ledger(self, principals: Iterable[str], now_s: float) -> Ledger:
        """The sum over a group and the window of days that ends now; those not watched add nothing."""
        self._fold()
        today = int(now_s // DAY_S)
        total = Ledger.empty(self.profile)
        for name in sorted(set(principals)):
            for day, ledger in sorted(self._days.get(name, {}).items()):
                if today - self.window_days < day <= today:
                    total = total + ledger
        return total

    def forget(self, now_s: float) -> None:
        """Drop the ledgers of days that have left the window."""
        oldest = int(now_s // DAY_S) - self.window_days
        for days in self._days.values():
            for day in [d for d in days if d <= oldest]:
                del days[day]

    def _accept(self, batch: Batch, names: Iterable[str]) -> None:
        """Keep the rows of these principals waiting; rows coded by no profile carry nothing to sum."""
        if not len(batch) or not batch.codes.shape[1]:
            return
        among = np.fromiter((n in names for n in batch.names), bool, len(batch.names))
        rows = np.flatnonzero(among[batch.principal])
        if not rows.size:
            return
        self._waiting.append(batch.take(rows) if rows.size < len(batch) else batch)
        self._rows += rows.size
        if self._rows >= _ENOUGH:
            self._fold()

    def _fold(self) -> None:
        """Sum all waiting rows, one product for each principal and day."""
        waiting, self._waiting, self._rows = self._waiting, [], 0
        for batch in waiting:
            phi = self.profile.features(batch.codes)
            for name, day, rows in _groups(batch):
                days = self._days[name]
                part = Ledger.from_features(self.profile, phi[rows], batch.take(rows))
                days[day] = days[day] + part if day in days else part


def _groups(batch: Batch) -> Iterable[tuple[str, int, Array]]:
    """(principal, day, rows) of every pair that occurs."""
    day = (batch.time_s // DAY_S).astype(np.int64)
    key = np.stack([batch.principal.astype(np.int64), day])
    pairs, inverse = np.unique(key, axis=1, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    bounds = np.searchsorted(inverse[order], np.arange(pairs.shape[1] + 1))
    for i in range(pairs.shape[1]):
        yield batch.names[pairs[0, i]], int(pairs[1, i]), order[bounds[i] : bounds[i + 1]]
