"""The last look at every principal of this period, so that a promise that comes later can judge without looking anew.

A promise counts the looks that calibration took; one more, at a time of its own, would be a chance more to alarm.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wellhead.detect.looks import FIRST_ROWS, Looks


class Lately:
    """Values of the last looks at which anything was read: 8 S bytes a principal.

    To the last bit, since a principal whose score was calibrated on must not pass its own threshold by rounding.
    """

    def __init__(self) -> None:
        self._forget(-1)

    def _forget(self, period: int) -> None:
        self._period = period
        self._place: dict[str, int] = {}
        self._values = np.zeros((0, 0), dtype=np.float64)
        self._rows = np.zeros(0, dtype=np.int64)
        self._time_s = np.zeros(0)

    def roll(self, period: int) -> None:
        """Forget what was, if this period is later."""
        if period > self._period:
            self._forget(period)

    def fold(self, looks: Looks) -> None:
        """Keep the last look of each; a new period, or other detectors, forget what was."""
        if not len(looks):
            return
        self.roll(int(looks.period[-1]))
        if looks.values.shape[1] != self._values.shape[1]:
            self._forget(self._period)
        read = np.flatnonzero((looks.rows >= FIRST_ROWS) & (looks.period == self._period))
        names = [looks.names[i] for i in looks.principal[read].tolist()]
        at = np.array([self._place.setdefault(n, len(self._place)) for n in names], dtype=np.int64)
        self._grow(looks.values.shape[1])
        self._values[at], self._rows[at], self._time_s[at] = looks.values[read], looks.rows[read], looks.time_s[read]

    def looks(self, segment_of: Mapping[str, str]) -> Looks:
        """The last looks of this period, of those whose segment is known."""
        names = tuple(n for n in self._place if n in segment_of)
        at = np.array([self._place[n] for n in names], dtype=np.int64)
        return Looks(
            names=names,
            principal=np.arange(at.size),
            rows=self._rows[at],
            period=np.full(at.size, self._period, dtype=np.int64),
            values=self._values[at],
            segments=tuple(segment_of[n] for n in names),
            time_s=self._time_s[at],
        )

    def _grow(self, width: int) -> None:
        """Room for all places, doubled each time."""
        if len(self._place) <= self._rows.size and self._values.shape[1] == width:
            return
        room = max(2 * self._rows.size, len(self._place), 16)
        old, n = self._values, self._rows.size
        self._values = np.full((room, width), np.nan, dtype=np.float64)
        self._values[:n] = old if n else np.nan
        self._rows = np.concatenate([self._rows, np.zeros(room - n, dtype=np.int64)])
        self._time_s = np.concatenate([self._time_s, np.zeros(room - n)])
