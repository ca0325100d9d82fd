"""What happened, read from the log alone: the alarm, the actions, and how every ledger filled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wellhead.audit.entries import records
from wellhead.core.batch import Batch, from_events
from wellhead.core.event import Event
from wellhead.core.finding import Finding
from wellhead.core.verdict import Decision, Stance
from wellhead.meter.ledger import Ledger
from wellhead.meter.profile import Profile
from wellhead.meter.reading import read


class Tale(NamedTuple):
    """The log, sorted. start_us: the first event's time."""

    events: list[Event]
    findings: list[Finding]
    decisions: list[Decision]
    start_us: int


class Line(NamedTuple):
    """How one ledger filled: rows against replication, both (points,)."""

    name: str
    rows: list[int]
    replication: list[float]


def tell(log: Path) -> Tale:
    """Read a log directory."""
    events: list[Event] = []
    findings: list[Finding] = []
    decisions: list[Decision] = []
    for _, record in records(log):
        if isinstance(record, Event):
            events.append(record)
        elif isinstance(record, Finding):
            findings.append(record)
        elif isinstance(record, Decision):
            decisions.append(record)
    return Tale(events, findings, decisions, min((e.time_us for e in events), default=0))


def answered(tale: Tale, names: Iterable[str], until_us: int = 2**62) -> list[Event]:
    """The answered events of these principals, in order, up to a time."""
    wanted = set(names)
    return [
        e for e in tale.events if e.principal in wanted and e.given > 0 and e.status == 200 and e.time_us <= until_us
    ]


def rows(events: Iterable[Event]) -> int:
    """Rows of these events."""
    return sum(e.rows for e in events)


def filled(tale: Tale, name: str, members: Sequence[str], profile: Profile) -> Line:
    """The ledger of a principal, or the sum of several, read after 8, 16, 32 ... rows and at its end."""
    batch = from_events(answered(tale, members))
    line = Line(name, [0], [profile.floor])
    if not len(batch):
        return line
    steps = [2**k for k in range(3, 20) if 2**k < len(batch)] + [len(batch)]
    for n in steps:
        line.rows.append(n)
        line.replication.append(read(Ledger.from_batch(profile, first(batch, n)), profile).replication)
    return line


def first(batch: Batch, n: int) -> Batch:
    """The first n rows."""
    return batch.take(np.arange(n))


def timeline(tale: Tale, thief: Sequence[str]) -> list[tuple[float, str]]:
    """(seconds since the first query, what happened): findings, closings and the thief's last answer."""
    moments = [(f.time_us, f"alarm {f.uid}: {f.detail}") for f in tale.findings]
    closed: dict[int, list[str]] = {}
    for d in tale.decisions:
        closed.setdefault(d.start_us, []).append(d.principal)
    for start_us, names in closed.items():
        stance = Stance(next(d.stance for d in tale.decisions if d.start_us == start_us)).name.lower()
        moments.append((start_us, f"{stance} of new inputs for {', '.join(sorted(names))}"))
    theirs = answered(tale, thief)
    if theirs:
        moments.append((theirs[0].time_us, "the thief's first query"))
        moments.append((theirs[-1].time_us, f"the thief's last answer, number {rows(theirs)}"))
    refused = [e for e in tale.events if e.principal in set(thief) and e.status == 429]
    if refused:
        moments.append((refused[0].time_us, f"the first query refused (429): {refused[0].reason[:40]}"))
    order = sorted(moments, key=lambda m: m[0])
    return [((t - tale.start_us) / 1e6, what) for t, what in order]
