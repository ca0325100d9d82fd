"""The log as the past: surveyed once, then folded as the gate folded it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.core.event import Coded, Event, Mark
from wellhead.core.finding import Finding, Review
from wellhead.detect.parts import Part, answered

if TYPE_CHECKING:
    from wellhead.detect.looks import Looking, Looks
    from wellhead.meter.profile import Profile

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

    for part in _parts(folder, looking.period_of):
        held = [coded_by(e, survey.coded, profile) for e in part.events if answered(e)]
        yield looking.fold(from_events(held), visits_of(part.events), part.now_s)


def _parts(folder: Path, period_of: Callable[[float], int]) -> Iterator[Part]:
    from wellhead.audit.entries import records

    part = Part()
    for _, record in records(folder):
        if not isinstance(record, Event) or record.drill:
            continue
        period = period_of(record.time_us / 1e6)
        if part.ends(record, period):
            yield part
            part = part.next()
        part.add(record, period)
    if part.events:
        yield part


def coded_by(event: Event, late: dict[tuple[str, int], Coded], profile: Profile | None) -> Event:
    """The event with its codes by this profile, or without: codes of another mean something else."""
    ours = "" if profile is None else profile.id
    found = late.get((event.request, event.part)) if not event.codes else None
    if found is not None and found.profile == ours:
        return msgspec.structs.replace(event, codes=found.codes, profile=ours)
    return event if event.profile == ours else msgspec.structs.replace(event, codes="")
