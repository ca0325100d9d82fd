"""Which sensitive records a principal's queries touched, and what it could infer from the answers."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Codes
from wellhead.core.codec import unpack
from wellhead.core.event import Event
from wellhead.core.exposure import Exposure

SWEEP = 20
"""Different near copies from which on the way to the boundary can be felt out with labels alone."""
TELLING = 0.95
_BLOCK = 4_000_000


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """The sensitive records, as the log knows inputs.

    fingerprints: (m,) uint64.  codes: (m, d) int8, (m, 0) without a profile.  radius: (m,) within which a code counts
    as a near copy.  labels: (m,) class index, -1 unknown.
    """

    fingerprints: Array
    codes: Codes
    radius: Array
    labels: Array


class Touch(msgspec.Struct, kw_only=True):
    """One record that was asked for, or nearly.

    record: number of the row in the file, from 1.  asked: rows that were the record itself.  near: different inputs
    that were near copies of it.  first_us, last_us: microseconds since 1970 UTC.  given: the most that an answer gave
    away.  right: answers that named the record's own class, -1 where it is not known.  labels: classes that were told.
    confidence: the highest that was told of the record itself, -1 for none.
    rank: share of all scored answers in the log that were less confident, -1 where there is no confidence.
    """

    record: int
    asked: int = 0
    near: int = 0
    first_us: int = 0
    last_us: int = 0
    given: int = 0
    right: int = -1
    labels: tuple[int, ...] = ()
    confidence: float = -1.0
    rank: float = -1.0

    @property
    def inferred(self) -> tuple[str, ...]:
        """What this told the principal of the record, in words, the strongest last."""
        said = []
        if self.labels:
            said.append("what the model says of it")
        if self.right > 0:
            said.append("that its class is the right one")
        if self.near >= SWEEP:
            said.append(f"how far it lies from the boundary, by {self.near} near copies: a sign of membership")
        if self.confidence >= 0:
            surer = f"surer than {self.rank:.0%} of all answers"
            said.append(f"the model's confidence: {surer}{', a sign of membership' if self.rank >= TELLING else ''}")
        return tuple(said)


def records_of(fingerprints: Array, codes: Codes, others: Codes, labels: Array | None) -> Records:
    """Sensitive records, and half the way to the nearest of `others` as what counts as a near copy of each.

    others: (r, d) codes of ordinary inputs, such as a profile's reference.
    """
    apart = _nearest(codes, others) if codes.shape[1] else np.zeros(len(codes))
    known = np.full(len(fingerprints), -1) if labels is None else labels
    return Records(fingerprints=fingerprints, codes=codes, radius=apart / 2.0, labels=known)


def _distances(a: Codes, b: Codes) -> Array:
    """(n, m) squared distances."""
    left, right = a.astype(np.float64), b.astype(np.float64)
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None]
    return np.asarray(np.maximum(squares - 2.0 * left @ right.T, 0.0))


def _nearest(codes: Codes, others: Codes) -> Array:
    """(m,) distance to the nearest of the others that is not the same."""
    nearest = np.zeros(len(codes))
    step = max(_BLOCK // max(len(others), 1), 1)
    for at in range(0, len(codes), step):
        away = _distances(codes[at : at + step], others)
        away[away == 0.0] = np.inf
        least = np.sqrt(away.min(axis=1, initial=np.inf))
        nearest[at : at + step] = np.where(np.isfinite(least), least, 0.0)
    return nearest


class Assessment:
    """Takes events in and keeps what was touched; the memory it needs grows with the records, not with the log."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._at = {f: i for i, f in enumerate(records.fingerprints.tolist())}
        self._touched: dict[int, Touch] = {}
        self._copies: dict[int, set[int]] = {}
        self._confidence = np.zeros(1001, np.int64)
        self.rows = 0

    def overheard(self, event: Event) -> None:
        """Count how sure the model was in an answer to anybody, to compare with."""
        if not _confident(event):
            return
        sure = np.array([c for c in event.confidence_pm if 0 <= c <= 1000], np.int64)
        self._confidence += np.bincount(sure, minlength=1001)

    def add(self, event: Event) -> None:
        """One answered event of the principal."""
        self.rows += event.rows
        prints = unpack(event.fingerprints, "<u8", event.rows)[:, 0]
        for row in np.flatnonzero(np.isin(prints, self._records.fingerprints)).tolist():
            self._note(self._at[int(prints[row])], event, row, exact=True)
        if not event.codes or not self._records.codes.shape[1]:
            return
        codes = unpack(event.codes, "i1", event.rows)
        if codes.shape[1] == self._records.codes.shape[1]:
            for near, record in self._near(codes):
                if prints[near] != self._records.fingerprints[record]:
                    self._copies.setdefault(record, set()).add(int(prints[near]))
                    self._note(record, event, near, exact=False)

    def _near(self, codes: Codes) -> Iterable[tuple[int, int]]:
        """(row, record) of the near copies."""
        step = max(_BLOCK // max(len(codes), 1), 1)
        for at in range(0, len(self._records.codes), step):
            radius = self._records.radius[at : at + step]
            rows, records = np.nonzero(_distances(codes, self._records.codes[at : at + step]) <= radius**2)
            yield from zip(rows.tolist(), (records + at).tolist(), strict=True)

    def _note(self, record: int, event: Event, row: int, exact: bool) -> None:
        touch = self._touched.setdefault(record, Touch(record=record + 1, first_us=event.time_us))
        touch.asked += exact
        touch.near = len(self._copies.get(record, ()))
        touch.first_us, touch.last_us = min(touch.first_us, event.time_us), max(touch.last_us, event.time_us)
        touch.given = max(touch.given, event.given)
        label = event.top1[row] if row < len(event.top1) else -1
        if label >= 0:
            touch.labels = tuple(sorted({*touch.labels, label}))
        own = int(self._records.labels[record])
        if own >= 0 and exact:
            touch.right = max(touch.right, 0) + (label == own)
        sure = event.confidence_pm[row] if row < len(event.confidence_pm) else -1
        if exact and sure >= 0 and _confident(event):
            touch.confidence = max(touch.confidence, sure / 1000.0)

    def touched(self) -> list[Touch]:
        """The touched records, those that gave most away first."""
        below = np.cumsum(self._confidence) - self._confidence
        for touch in self._touched.values():
            if touch.confidence >= 0 and below[-1] + self._confidence[-1]:
                touch.rank = float(below[round(touch.confidence * 1000)] / self._confidence.sum())
        return sorted(self._touched.values(), key=lambda t: (-t.rank, -t.asked, -t.near, t.record))


def _confident(event: Event) -> bool:
    """True where the answer told how sure the model was: a label served as certainty does not."""
    return event.given > Exposure.LABEL and not any(d.startswith("label_only") for d in event.defence.split("+"))
