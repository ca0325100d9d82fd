"""A log in parts that are folded one after the other, so that looks come where a quiet gate would have taken them."""

from __future__ import annotations

from wellhead.core.event import Event
from wellhead.detect.looks import FIRST_ROWS

AT_ONCE = 256
"""Events folded at once, at most."""


class Part:
    """Events of one period; it ends before a principal that passed a power of two in it asks again.

    So looks come at the rows at which a quiet gate would have looked, and neither a burst nor the end of a period is
    jumped over.  rows: of each principal in the period before this part.
    """

    def __init__(self, rows: dict[str, int] | None = None, period: int = -1) -> None:
        self.events: list[Event] = []
        self._rows = rows or {}
        self._passed: set[str] = set()
        self._period = period

    def ends(self, event: Event, period: int) -> bool:
        """True where this event belongs to the next part."""
        if not self.events or event.request == self.events[-1].request:
            return False
        return event.principal in self._passed or period > self._period or len(self.events) >= AT_ONCE

    def add(self, event: Event, period: int) -> None:
        """Take up an event; rows that were not answered do not count, and a new period counts from zero."""
        self.events.append(event)
        if period > self._period:
            self._rows, self._period = {}, period
        before = self._rows.get(event.principal, 0)
        rows = before + (event.rows if answered(event) else 0)
        self._rows[event.principal] = rows
        if rows >= FIRST_ROWS and rows.bit_length() > before.bit_length():
            self._passed.add(event.principal)

    @property
    def now_s(self) -> float:
        """Seconds since 1970 UTC by which the period of this part is known."""
        return max(e.time_us for e in self.events) / 1e6

    def next(self) -> Part:
        """The part after this one."""
        return Part(self._rows, self._period)


def answered(event: Event) -> bool:
    """True where the principal was told something."""
    return event.status == 200 and event.given > 0
