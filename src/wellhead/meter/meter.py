"""The live meter: sketches of everybody, ledgers by day of the watched."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from wellhead.core.batch import Batch
from wellhead.meter.ledger import Ledger, from_runs
from wellhead.meter.profile import Profile
from wellhead.meter.waiting import DAY_S, Waiting, runs

_ENOUGH = 16_384


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
        self._waiting = Waiting(_ENOUGH)

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
        self._fold((principal,))
        self._days.pop(principal, None)

    def update(self, batch: Batch) -> None:
        """Fold in answered rows: sketches of all, ledgers of the watched."""
        self.sketches.update(batch)
        self.add(batch)

    def add(self, batch: Batch) -> None:
        """Fold in answered rows: ledgers of the watched alone."""
        self._accept(batch, self._days.keys())

    def ledger(self, principals: Iterable[str], now_s: float) -> Ledger:
        """The sum over a group and the window of days that ends now; those not watched add nothing."""
        names = sorted(set(principals))
        self._fold(frozenset(names))
        today = int(now_s // DAY_S)
        total = Ledger.empty(self.profile)
        for name in names:
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

    def _accept(self, batch: Batch, names: Collection[str]) -> None:
        """Let the rows of these principals wait; rows that no profile has coded carry nothing to sum."""
        if len(batch) and batch.codes.shape[1]:
            self._waiting.add(batch, names)
        if self._waiting.full:
            self._fold(None)

    def _fold(self, names: Collection[str] | None) -> None:
        """Sum the waiting rows of these principals, or all, one product for each principal and day."""
        batch = self._waiting.take(names)
        if batch is None:
            return
        for part, found in runs(batch):
            cuts = [0, *(run.stop for run in found)]
            for run, more in zip(found, from_runs(self.profile, part, cuts), strict=True):
                days = self._days[run.name]
                days[run.day] = days[run.day] + more if run.day in days else more
