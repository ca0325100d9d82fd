"""Who asked how much in all periods of a scan; the sketches are of the current one alone."""

from __future__ import annotations

from typing import Any

from wellhead.core.batch import Batch, Visits
from wellhead.detect.looks import Looking


class Totals:
    """Rows of every principal over all periods: one number each. periods: in how many somebody asked."""

    def __init__(self, looking: Looking) -> None:
        self.periods = 0
        self._looking = looking
        self._total: dict[str, int] = {}

    def before(self, batch: Batch, visits: Visits) -> None:
        """Before rows and requests of one period are folded: a current one that so ends is added up."""
        times = visits.time_s if len(visits) else batch.time_s
        if times.size and self._looking.period_of(float(times[0])) > self._looking.period:
            self._add()

    def done(self) -> dict[str, int]:
        """The rows of each principal, 0 of one that never got an answer; nothing is folded from here on."""
        self._add()
        return self._total

    def _add(self) -> None:
        sketches: Any = self._looking.sketches
        rows, total = self._looking.rows, self._total
        self.periods += bool(len(sketches.names))
        for name in sketches.names:
            total[name] = total.get(name, 0) + rows.get(name, 0)
