"""Everybody is played, and the promise is made; nothing of the test has been looked at until then."""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

from benchmarks.detect_attackers import attackers
from benchmarks.detect_harness import Alarm, Clones, World, alarms, promised, world
from benchmarks.detect_lookalikes import declared, lookalikes
from benchmarks.detect_recorded import ATTACKS, Recorded, recorded
from benchmarks.detect_tenants import tenants
from benchmarks.detect_world import Stream, Victim, total_rows
from wellhead.detect.looks import Looks, joined
from wellhead.detect.promise import Promise

STRICT, COARSE = 0.001, 0.01
BUDGETS = {STRICT: "1 per 1000 principals per 30 days", COARSE: "1 per 100 principals per 30 days"}
_PEERS = (200, 500, 1000)


class Size(NamedTuple):
    """Principals: undeclared for calibration (the yardstick's included) and test, declared of each use for both."""

    calibration: int
    test: int
    declared_calibration: int
    declared_test: int
    peers: tuple[int, int, int] = _PEERS
    attacks: tuple[str, ...] = tuple(ATTACKS)


FULL = Size(12_600, 3400, 900, 350)
QUICK = Size(1100, 600, 0, 0, (60, 300, 300), ("A1 uniform", "A3 jacobian", "A6 margin", "A7 data-free"))


class Stage(NamedTuple):
    """Everybody's streams and looks, and the two promises."""

    victim: Victim
    world: World
    recorded: Recorded
    calibration: list[Stream]
    test: list[Stream]
    attacks: list[Stream]
    alikes: list[Stream]
    looks: dict[str, Looks]
    segments: dict[str, str]
    promises: dict[float, Promise]
    clones: Clones
    us_per_event: float


def split(name: str) -> tuple[str, str]:
    """Number and words of a scenario's name."""
    number, _, words = name.partition(" ")
    return number, words


def said(what: str, since: float) -> None:
    """One line of progress."""
    used = f"{time.perf_counter() - since:.0f} s, {time.process_time():.0f} s CPU so far"
    print(f"    {what}: {used}", file=sys.stderr, flush=True)


def stage(victim: Victim, seed: int, size: Size) -> Stage:
    """Play everybody and make the promises; nothing of the test has been looked at until then."""
    start = time.perf_counter()
    told = recorded(victim, seed, size.attacks)
    said("attacks run", start)
    start = time.perf_counter()
    people = {
        "calibration": tenants(victim, size.calibration, 10 * seed + 1, "c"),
        "declared calibration": declared(victim, size.declared_calibration, 10 * seed + 1, "dc"),
        "test": tenants(victim, size.test, 10 * seed + 2, "t"),
        "declared test": declared(victim, size.declared_test, 10 * seed + 2, "dt"),
        "attacks": attackers(victim, told, seed),
        "alikes": lookalikes(victim, told, seed),
    }
    everybody = [s for streams in people.values() for s in streams]
    played = world(victim, told.table, everybody)
    said(f"{len(everybody)} principals, {total_rows(everybody)} rows", start)
    start, cpu = time.perf_counter(), time.process_time()
    looks = {name: played.looks(streams) for name, streams in people.items() if streams}
    cost = (time.process_time() - cpu) / total_rows(everybody) * 1e6
    said("looks", start)
    segments = {s.name: s.segment or "undeclared" for s in everybody}
    promises = {
        STRICT: promised(looks["calibration"], segments, BUDGETS[STRICT], played.detectors, seed),
        COARSE: promised(
            joined(looks[k] for k in ("calibration", "declared calibration") if k in looks),
            segments,
            BUDGETS[COARSE],
            played.detectors,
            seed,
        ),
    }
    return Stage(
        victim,
        played,
        told,
        people["calibration"],
        [*people["test"], *people["declared test"]],
        people["attacks"],
        people["alikes"],
        looks,
        segments,
        promises,
        Clones(victim, told.table, seed),
        cost,
    )


def judged(s: Stage, looks: Looks, alpha: float, segments: dict[str, str] | None = None) -> dict[str, Alarm]:
    """Alarms of these looks under the promise of alpha; whoever is not declared is undeclared."""
    return alarms(s.promises[alpha], looks, segments or s.segments, alpha)
