"""Who alarms: the largest score of a principal in a period, against the threshold of its segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.finding import Evidence
from wellhead.detect.detectors import Detectors
from wellhead.detect.looks import Looks
from wellhead.detect.promise import Promise

SHOWN = 5


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A principal whose score passed the threshold, at the look at which it did.

    alpha: the rate promised to its segment.  p: conformal p-value of the score.  look: its row in the folded Looks.
    """

    principal: str
    segment: str
    period: int
    rows: int
    time_s: float
    score: float
    threshold: float
    alpha: float
    p: float
    look: int

    @property
    def sure(self) -> str:
        """How sure, and under which promise."""
        return (
            f"at most 1 in {1 / self.alpha:.0f} honest principals of `{self.segment}` ever score so high in a period"
            f" (promised with 95 % confidence; p = {self.p:.2g})"
        )


class Running(NamedTuple):
    """The largest score of a principal in the period, and its segment."""

    score: float
    segment: str


class Guilt:
    """The running maximum of every principal in the current period, and who has alarmed in it.

    since: number of the first period that counts (see wellhead.detect.kept).  started: of each segment,
    principal-periods from then on.  alarms: segment of each (principal, period) that alarmed from then on.
    """

    def __init__(self, promise: Promise, since: int = 0) -> None:
        self.promise = promise
        self.since = since
        self.period = -1
        self.running: dict[str, Running] = {}
        self.alarmed: dict[str, Alarm] = {}
        self.started: dict[str, int] = {}
        self.alarms: dict[tuple[str, int], str] = {}
        self._threshold = {s: (promise.threshold(s), promise.level(s)) for s in promise.scores}

    def begin(self, period: int, segment_of: Mapping[str, str]) -> None:
        """Start with those who are there in a period already, and of whom no look is known."""
        self.running, self.alarmed, self.period = {}, {}, period
        for name, segment in segment_of.items():
            self._start(name, segment)

    def fold(self, looks: Looks) -> list[Alarm]:
        """Take up looks in their order; returns those that alarm for the first time in their period."""
        scores = self.promise.score(looks.values, looks.rows)
        found = []
        for i, (at, period) in enumerate(zip(looks.principal.tolist(), looks.period.tolist(), strict=True)):
            if period > self.period:
                self.running, self.alarmed, self.period = {}, {}, period
            alarm = self._take(looks, i, looks.names[at], float(scores[i]))
            if alarm is not None:
                self.alarmed[alarm.principal] = alarm
                self.count(alarm.principal, period, alarm.segment)
                found.append(alarm)
        return found

    def _start(self, name: str, segment: str) -> Running:
        self.running[name] = Running(-np.inf, segment)
        if self.period >= self.since:
            self.started[segment] = self.started.get(segment, 0) + 1
        return self.running[name]

    def count(self, name: str, period: int, segment: str) -> None:
        """Count an alarm, once a principal and period."""
        if period >= self.since:
            self.alarms[name, period] = segment

    def _take(self, looks: Looks, i: int, name: str, score: float) -> Alarm | None:
        before = self.running.get(name) or self._start(name, looks.segments[i])
        self.running[name] = Running(max(before.score, score), before.segment)
        threshold, alpha = self._threshold.get(before.segment, (np.inf, 0.0))
        if not score > threshold or name in self.alarmed:
            return None
        return Alarm(
            principal=name,
            segment=before.segment,
            period=self.period,
            rows=int(looks.rows[i]),
            time_s=float(looks.time_s[i]),
            score=score,
            threshold=threshold,
            alpha=alpha,
            p=self.promise.p_value(before.segment, score),
            look=i,
        )


def evidence(promise: Promise, detectors: Detectors, values: Array, rows: int) -> tuple[Evidence, ...]:
    """The strongest evidence in one look, the strongest first, with the honest range at as many rows beside it.

    values: (S,) of the look. Needs the detectors that the promise was calibrated with, in the same order.
    """
    table, at = values[None, :], np.array([rows])
    gives, sides = promise.contributions(table, at)[0], promise.sides(table, at)[0]
    strongest = [int(s) for s in np.argsort(-gives, kind="stable")[:SHOWN] if gives[s] > 0]
    found = []
    for s in strongest:
        low, high = promise.honest(promise.names[s], rows)
        found.append(
            Evidence(
                name=promise.names[s],
                kind=promise.kinds[s],
                said=detectors.said(s, int(sides[s]), float(values[s]), rows),
                value=detectors.shown(s, float(values[s]), rows),
                low=detectors.shown(s, low, rows),
                high=detectors.shown(s, high, rows),
            )
        )
    return tuple(found)
