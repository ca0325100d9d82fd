"""Looks: what the detectors read of a principal each time that it was worth looking at.

Live, calibration, backtest and scan look in this one way, so that what is promised on one holds on the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch
from wellhead.detect.past import Past
from wellhead.detect.segments import Segments
from wellhead.meter.view import Attribute, Views

FIRST_ROWS = 16
"""Below so many rows a principal is noted, and nothing is read of it."""
DAY_S = 86_400.0


class Readers(Protocol):
    """The detectors, as far as looking needs them."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the detectors, in the order of the columns."""
        ...

    def read(self, views: Views) -> Array:
        """(u, S) float64, one row a view."""
        ...


class Sketched(Protocol):
    """Sketches, as far as looking needs them."""

    due: list[str]
    space: Any

    def update(self, batch: Batch) -> None:
        """Add a batch."""
        ...

    def visit(self, visits: Any) -> None:
        """Add requests, answered or not."""
        ...

    def columns(self, names: Sequence[str] | None = None, now_s: float | None = None) -> Views:
        """The columns of these principals."""
        ...


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """m looks, in the order in which they were taken.

    names: the principals that occur; principal: (m,) int64 index into `names`.  segments: of each look.
    rows: (m,) int64 of the principal in its period so far.  period: (m,) int64.  time_s: (m,) of the look.
    values: (m, S) float64, NaN where a detector says nothing, and in looks below FIRST_ROWS rows.
    """

    names: tuple[str, ...]
    principal: Array
    rows: Array
    period: Array
    values: Array
    segments: tuple[str, ...]
    time_s: Array

    def __len__(self) -> int:
        return int(self.rows.size)


def joined(parts: Iterable[Looks]) -> Looks:
    """All looks of the parts, in their order; needs at least one part."""
    held = list(parts)
    numbers: dict[str, int] = {}
    principal = [
        np.array([numbers.setdefault(n, len(numbers)) for n in p.names], dtype=np.int64)[p.principal] for p in held
    ]
    return Looks(
        names=tuple(numbers),
        principal=np.concatenate(principal),
        segments=tuple(s for p in held for s in p.segments),
        **{f: np.concatenate([getattr(p, f) for p in held]) for f in ("rows", "period", "values", "time_s")},
    )


class Looking:
    """Folds batches into sketches, one set of sketches a period, and looks at whoever is due.

    sketches: of the current period; a new period starts with fresh ones of the same space.
    segment_of: of each principal of this period: set by its first rows, it holds until the period ends.
    period: number of the current one, counted from origin_s (seconds since 1970 UTC), -1 before the first row.
    before: rows of each principal in the period before, of which its volume band is made; None in the first period.

    Fed row by row, looks happen at exactly 2^k rows of each principal; a batch that jumps over several powers makes one
    look, at its end. Looks may so come later in big batches, never earlier, and calibration on the same batches as live
    is what keeps the two comparable.
    """

    def __init__(
        self,
        detectors: Readers,
        sketches: Sketched,
        period_days: float,
        segments: Segments | None = None,
        origin_s: float = 0.0,
    ) -> None:
        self.detectors = detectors
        self.sketches = sketches
        self.segments = segments or Segments()
        self.period = -1
        self.before: dict[str, int] | None = None
        self.rows: dict[str, int] = {}
        self.segment_of: dict[str, str] = {}
        self.seen: Views | None = None
        self._length_s = period_days * DAY_S
        self._origin_s = origin_s
        self._past = Past()

    def fold(self, batch: Batch, visits: Any = None, now_s: float | None = None) -> Looks:
        """Add answered rows, and requests; returns the looks that they made due.

        now_s: the time by which the period is known; None: of the rows themselves, which then are split where a new
        period starts. Rows of a period that is over count in the current one.
        """
        if visits is not None and len(visits):
            self.roll(float(visits.time_s.min()) if now_s is None else now_s)
            self.sketches.visit(visits)
        if now_s is not None or not len(batch):
            return self._fold(batch, now_s)
        period = np.maximum((batch.time_s - self._origin_s) // self._length_s, max(self.period, 0))
        cuts = np.unique(period)
        if cuts.size == 1:
            return self._fold(batch, float(batch.time_s.max()))
        parts = [batch.take(period == p) for p in cuts]
        return joined(self._fold(part, float(part.time_s.max())) for part in parts)

    def _fold(self, batch: Batch, now_s: float | None) -> Looks:
        self.roll(now_s)
        self.sketches.update(batch)
        for name, attributes, more in zip(batch.names, batch.attributes, batch.counts(), strict=True):
            if more and name not in self.segment_of:
                self.segment_of[name] = self._segment(name, attributes)
            if more:
                self.rows[name] = self.rows.get(name, 0) + more
        return self.look(self.sketches.due if len(batch) else [], now_s or 0.0)

    def _segment(self, name: str, attributes: Iterable[Attribute]) -> str:
        before = None if self.before is None else self.before.get(name, 0)
        return self.segments.of(attributes, before, name)

    def period_of(self, time_s: float) -> int:
        """The number of the period that a time (seconds since 1970 UTC) lies in, from 0 on."""
        return max(int((time_s - self._origin_s) // self._length_s), 0)

    def roll(self, now_s: float | None) -> None:
        """Start the period of now_s (None: it is not known), if it is later than the current one."""
        period = self.period if now_s is None else self.period_of(now_s)
        if period <= self.period:
            return
        if self.period >= 0:
            self.before = self.rows if period == self.period + 1 else {}
            fresh: Any = type(self.sketches)
            self.sketches = fresh(self.sketches.space)
            self._past.roll()
        self.rows, self.segment_of, self.period = {}, {}, period

    def look(self, names: Sequence[str], now_s: float) -> Looks:
        """Read these principals now; each must have had rows in this period."""
        rows = np.array([self.rows[n] for n in names], dtype=np.int64)
        values = np.full((rows.size, len(self.detectors.names)), np.nan)
        worth = np.flatnonzero(rows >= FIRST_ROWS)
        self.seen = None
        if worth.size:
            views = self.sketches.columns([names[int(i)] for i in worth])
            self.seen = self._past.moved(views)
            values[worth] = self.detectors.read(self.seen)
        return Looks(
            names=tuple(names),
            principal=np.arange(rows.size),
            rows=rows,
            period=np.full(rows.size, self.period, dtype=np.int64),
            values=values,
            segments=tuple(self.segment_of[n] for n in names),
            time_s=np.full(rows.size, now_s),
        )
