"""Campaigns against the linker: when each is found, who is named, and what its thief held by then."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import numpy as np

from benchmarks.detect_campaigns import campaigns, given_up
from benchmarks.detect_harness import as_one, batch_of
from benchmarks.detect_metrics import NEVER, Number, campaign
from benchmarks.detect_stage import STRICT, Stage, judged, said, split
from benchmarks.detect_world import START_S, Stream
from wellhead.core.batch import Batch
from wellhead.detect.link.fit import fit_population
from wellhead.detect.link.link import link
from wellhead.detect.link.population import Population
from wellhead.meter.ledger import Ledger
from wellhead.meter.reading import read
from wellhead.meter.view import Views, join

DAYS = (1, 3, 7, 14, 30)
HONEST, DEVELOPMENT = 600, 1200
_HALVINGS = 3
REQUIRED = ("A9 5 ", "A9 25 ", "A9 125 ", "A10 ")
QUICKLY = ("A9 25 accounts",)


class Gang(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign. rows, fidelity: of all accounts together when the linker first named it, NEVER and full if never.

    recall, precision, swept: of the linker, over the period; honest named in any look counted.  named: share of the
    accounts that the linker named or that alarmed by themselves.  alone: share of the accounts that
    alarmed by themselves.  reading: Wellhead's own replication of the union at the alarm.  day: of the alarm.
    """

    scenario: str
    title: str
    accounts: int
    budget: int
    rows: int
    day: float
    fidelity: float
    full: float
    recall: float
    named: float
    precision: Number
    swept: float
    alone: float
    reading: float


def population(s: Stage) -> Population:
    """Honest principals as the linker knows them, from calibration tenants."""
    some = s.calibration[:DEVELOPMENT]
    return fit_population(s.world.seen(some), lambda _: "undeclared", np.random.default_rng(1))


def gangs(s: Stage, seed: int, wanted: Sequence[str] = ()) -> list[Gang]:
    """All campaigns of this seed (those whose names begin as wanted), each alone among the honest."""
    start = time.perf_counter()
    people = population(s)
    honest = [p for p in s.test if not p.segment][:HONEST]
    seen = s.world.views(honest, DAYS)
    alarm = next((a.rows for n, a in judged(s, s.looks["attacks"], STRICT).items() if n.startswith("A4")), NEVER)
    cast = campaigns(s.victim, s.recorded, seed)
    cast["A14 rejection oracle"] = given_up(s.victim, 128 if alarm == NEVER else alarm, seed)
    found = []
    for scenario, members in cast.items():
        if not wanted or scenario.startswith(tuple(wanted)):
            found.append(_gang(s, people, (honest, seen), members))
            said(f"{scenario}: {found[-1].rows} of {found[-1].budget} rows, recall {found[-1].recall:.2f}", start)
    return found


def _gang(s: Stage, people: Population, honest: tuple[list[Stream], list[Views]], members: list[Stream]) -> Gang:
    names = {p.name for p in members}
    mine = s.world.views(members, DAYS)
    findings: list[set[str]] = []
    first = -1
    named: list[set[str]] = []
    for i, (others, own) in enumerate(zip(honest[1], mine, strict=True)):
        if 0 <= first < len(DAYS) - 1 and i < len(DAYS) - 1:
            continue
        named = _named(others, own, people)
        findings += named
        if first < 0 and _hit(named, names):
            first = i
    last = [f for f in named if 2 * len(f & names) > len(f)] or [f for f in findings if 2 * len(f & names) > len(f)]
    swept = campaign(names, {p.name for p in honest[0]}, findings).swept
    score = campaign(names, {p.name for p in honest[0]}, last)
    union = as_one(members, members[0].scenario)
    day = _day(s, people, honest[1], members, first)
    rows = NEVER if first < 0 else int(np.searchsorted(union.time_s, START_S + day * 86400.0))
    full = s.clones.fidelity(union.rows)
    guilty = _guilty(s, members)
    number, words = split(members[0].scenario)
    return Gang(
        scenario=number,
        title=words,
        accounts=len(members),
        budget=len(union),
        rows=rows,
        day=day,
        fidelity=full if rows == NEVER else s.clones.fidelity(union.rows[:rows]),
        full=full,
        recall=score.recall,
        named=len(guilty | (set().union(*last) & names)) / len(names),
        precision=score.precision if np.isfinite(score.precision) else None,
        swept=swept,
        alone=len(guilty) / len(names),
        reading=_reading(s, union, len(union) if rows == NEVER else rows),
    )


def _named(others: Views, own: Views, people: Population) -> list[set[str]]:
    views = join([others, own]) if len(own) else others
    return [set(c.members) for c in link(views, people)]


def _hit(findings: Sequence[set[str]], names: set[str]) -> bool:
    return any(2 * len(f & names) > len(f) for f in findings)


def _day(s: Stage, people: Population, seen: list[Views], members: list[Stream], first: int) -> float:
    """The day of the alarm, nearer than the grid: the honest stand still in between."""
    if first < 0:
        return -1.0
    low, high = (DAYS[first - 1] if first else 0.0), DAYS[first]
    names = {p.name for p in members}
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        own = s.world.views(members, (middle,))[0]
        if _hit(_named(seen[first], own, people), names):
            high = middle
        else:
            low = middle
    return float(high)


def _guilty(s: Stage, members: list[Stream]) -> set[str]:
    """Who alarms without the linker."""
    looks = s.world.looks(members)
    at = judged(s, looks, STRICT, {p.name: "undeclared" for p in members})
    return {n for n, a in at.items() if a.rows != NEVER}


def _reading(s: Stage, union: Stream, rows: int) -> float:
    """What the meter says of the union."""
    whole = np.arange(rows)
    batch: Batch = batch_of(s.recorded.table, [union], np.zeros(rows, np.int64), whole)
    return float(read(Ledger.from_batch(s.victim.profile, batch), s.victim.profile).replication)
