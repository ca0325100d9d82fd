"""The log as the past: surveyed once, then folded as the gate folded it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.core.event import Coded, Event, Mark
from wellhead.core.finding import Finding, Review
from wellhead.detect.looks import FIRST_ROWS

if TYPE_CHECKING:
    from wellhead.detect.looks import Looking, Looks
    from wellhead.meter.profile import Profile

AT_ONCE = 256
"""Events folded at once, at most."""
THEFT = "theft"
_PEOPLE = ("guilt", "campaign", "replication")


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known of a log before it is folded.

    first_s, last_s: of its records, seconds since 1970 UTC.  thieves: of findings that a review called theft.
    accused: of findings that nobody reviewed.  drills: who asked in a drill.  coded: codes that came late.
    """

    first_s: float
    last_s: float
    principals: int
    thieves: frozenset[str]
    accused: frozenset[str]
    drills: frozenset[str]
    coded: dict[tuple[str, int], Coded]


def survey_of(folder: Path) -> Survey:
    """Read the log once; raises ConfigError where it holds no events."""
    from wellhead.audit.entries import records

    first, last, names, drills = 0.0, 0.0, set[str](), set[str]()
    findings, verdicts, coded = dict[str, Finding](), dict[str, str](), dict[tuple[str, int], Coded]()
    for _, record in records(folder):
        if isinstance(record, Event | Mark):
            # not the largest: one clock that ran ahead would make whole periods of what is none
            last = record.time_us / 1e6
            first = first or last
        if isinstance(record, Event):
            (drills if record.drill else names).add(record.principal)
        elif isinstance(record, Coded):
            coded[record.request, record.part] = record
        elif isinstance(record, Finding) and record.signal in _PEOPLE:
            findings[record.uid] = record
        elif isinstance(record, Review):
            verdicts[record.finding] = record.verdict
    if not names:
        raise ConfigError(f"expected events in the log in {folder}, got none", "calibrate once there was traffic")
    return Survey(
        first_s=first,
        last_s=last,
        principals=len(names),
        thieves=frozenset(m for uid, f in findings.items() if verdicts.get(uid) == THEFT for m in f.members),
        accused=frozenset(m for uid, f in findings.items() if uid not in verdicts for m in f.members),
        drills=frozenset(drills),
        coded=coded,
    )


def folded(folder: Path, looking: Looking, profile: Profile | None, survey: Survey) -> Iterator[Looks]:
    """The looks of a log, some events at a time, none of them of two periods; drills are left out."""
    from wellhead.core.batch import from_events, visits_of

    for events in _parts(folder, looking.period_of):
        held = [_coded(e, survey.coded, profile) for e in events if _answered(e)]
        yield looking.fold(from_events(held), visits_of(events), max(e.time_us for e in events) / 1e6)


def _parts(folder: Path, period_of: Callable[[float], int]) -> Iterator[list[Event]]:
    from wellhead.audit.entries import records

    part = _Part()
    for _, record in records(folder):
        if not isinstance(record, Event) or record.drill:
            continue
        period = period_of(record.time_us / 1e6)
        if part.ends(record, period):
            yield part.events
            part = part.next(period)
        part.add(record, period)
    if part.events:
        yield part.events


class _Part:
    """Events folded at once; it ends before a principal that passed a power of two in it asks again.

    So looks come at the rows at which a quiet gate would have looked, and a burst does not jump over them.
    rows: of each principal in the period before this part.
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
        """Take up an event; the rows of a request that was not answered do not count."""
        self.events.append(event)
        self._period = max(period, self._period)
        before = self._rows.get(event.principal, 0)
        rows = before + (event.rows if _answered(event) else 0)
        self._rows[event.principal] = rows
        if rows >= FIRST_ROWS and rows.bit_length() > before.bit_length():
            self._passed.add(event.principal)

    def next(self, period: int) -> _Part:
        """The part after this one; nobody has rows yet where it begins a period."""
        return _Part(period=period) if period > self._period else _Part(self._rows, self._period)


def _answered(event: Event) -> bool:
    return event.status == 200 and event.given > 0


def _coded(event: Event, late: dict[tuple[str, int], Coded], profile: Profile | None) -> Event:
    """The event with its codes by this profile, or without: codes of another mean something else."""
    ours = "" if profile is None else profile.id
    found = late.get((event.request, event.part)) if not event.codes else None
    if found is not None and found.profile == ours:
        return msgspec.structs.replace(event, codes=found.codes, profile=ours)
    return event if event.profile == ours else msgspec.structs.replace(event, codes="")
