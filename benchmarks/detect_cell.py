"""One victim with one seed: everybody is played, the promise is made, and then the test is looked at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from benchmarks.detect_attackers import REQUIRED, rehearsals
from benchmarks.detect_compare import Compared, along, compare, ours
from benchmarks.detect_harness import Alarm, alarms, promised
from benchmarks.detect_metrics import NEVER, SegmentRow
from benchmarks.detect_peers import Honest, judge
from benchmarks.detect_stage import BUDGETS, COARSE, FULL, STRICT, Size, Stage, judged, said, split
from benchmarks.detect_world import BUDGET, Stream
from wellhead.detect.looks import Looks, joined

MOST = 1e6
"""Stands for infinity, which JSON has not."""
GRID = (32, 128, 512, BUDGET)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One thief with one account. rows, fidelity: at the alarm of the promise of 1 in 1,000; coarse: of 1 in 100."""

    scenario: str
    title: str
    budget: int
    rows: int
    coarse: int
    score: float
    threshold: float
    fidelity: float
    fidelity_coarse: float
    full: float
    curve: tuple[tuple[float, float], ...]
    note: str = ""


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """Honest look-alikes of one kind, and how many alarmed under the promises of 1 in 1,000 and of 1 in 100."""

    scenario: str
    title: str
    n: int
    strict: int
    coarse: int


class Poisoned(msgspec.Struct, frozen=True, kw_only=True):
    """Thieves among the calibration principals: what is still found of A1 to A8, and realised false alarms."""

    share: float
    found_strict: float
    found_coarse: float
    realised_strict: float
    realised_coarse: float


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """All that one victim and seed gave; see `detect_rows` for what becomes of it."""

    victim: str
    seed: int
    attainable: float
    segments: tuple[SegmentRow, ...]
    runs: tuple[Run, ...]
    alikes: tuple[Alike, ...]
    poisoned: tuple[Poisoned, ...]
    compared: tuple[Compared, ...]
    us_per_event: float
    notes: tuple[str, ...] = ()


def cell_of(s: Stage, seed: int, size: Size = FULL) -> Cell:
    """All single-account figures of one victim and seed."""
    runs = [*singles(s), whitebox(s, seed)]
    start = time.perf_counter()
    compared = beside(s, runs, size)
    said("peers", start)
    return Cell(
        victim=s.victim.name,
        seed=seed,
        attainable=s.clones.fidelity(s.victim.thief),
        segments=kept(s),
        runs=tuple(runs),
        alikes=alike(s),
        poisoned=tuple(poisoned(s, share, seed) for share in (0.0, 0.005, 0.02)),
        compared=tuple(compared),
        us_per_event=s.us_per_event,
        notes=tuple(f"{s.victim.name}: {name} left out: {why}" for name, why in s.recorded.notes.items()),
    )


def kept(s: Stage) -> tuple[SegmentRow, ...]:
    """Promised and realised, by segment and, for 1 in 100, also by age of the account."""
    tests = joined(s.looks[k] for k in ("test", "declared test") if k in s.looks)
    rows = []
    for alpha, promise in s.promises.items():
        found = judged(s, tests, alpha)
        for segment, scores in promise.scores.items():
            mine = [p.name for p in s.test if s.segments[p.name] == segment]
            if promise.threshold(segment, alpha) < np.inf and mine:
                rows.append(_row(s, segment, alpha, scores.size, [found[n].rows for n in mine], promise.word(segment)))
    return tuple(rows)


def _row(s: Stage, segment: str, alpha: float, size: int, at: Sequence[int], word: str) -> SegmentRow:
    hit = sum(r != NEVER for r in at)
    return SegmentRow(
        segment=segment, victim=s.victim.name, alpha=alpha, calibration=size, test=len(at), alarms=hit, word=word
    )


def singles(s: Stage) -> list[Run]:
    """Every thief with one account: when it was found, and what it held by then."""
    start = time.perf_counter()
    strict, coarse = (judged(s, s.looks["attacks"], a) for a in (STRICT, COARSE))
    runs = [_single(s, stream, strict[stream.name], coarse[stream.name]) for stream in s.attacks]
    said(f"{len(runs)} thieves' clones", start)
    return runs


def _single(s: Stage, stream: Stream, strict: Alarm, coarse: Alarm) -> Run:
    number, words = split(stream.scenario)
    full = len(stream)

    def held(rows: int) -> float:
        return s.clones.fidelity(stream.rows[: full if rows == NEVER else rows])

    grid = sorted({*(n for n in GRID if n < full), full}) if number in REQUIRED else [full]
    return Run(
        scenario=number,
        title=words,
        budget=full,
        rows=strict.rows,
        coarse=coarse.rows,
        score=float(np.clip(strict.score, -MOST, MOST)),
        threshold=min(strict.threshold, MOST),
        fidelity=held(strict.rows),
        fidelity_coarse=held(coarse.rows),
        full=held(full),
        curve=tuple((float(n), held(n)) for n in grid),
    )


def whitebox(s: Stage, seed: int) -> Run:
    """A13: rehearses on the detector itself, and is as bold as the threshold allows."""
    tries = rehearsals(s.victim, seed)
    looks = s.world.looks(tries)
    own = {t.name: "undeclared" for t in tries}
    alpha = STRICT if np.isfinite(s.promises[STRICT].threshold("undeclared", STRICT)) else COARSE
    quiet = {n for n, a in judged(s, looks, alpha, own).items() if a.rows == NEVER}
    chosen = next((t for t in tries if t.name in quiet), tries[-1])
    strict, coarse = (judged(s, looks, a, own)[chosen.name] for a in (STRICT, COARSE))
    return _single(s, chosen, strict, coarse)


def alike(s: Stage) -> tuple[Alike, ...]:
    """Honest look-alikes who declared nothing."""
    strict, coarse = (
        judged(s, s.looks["alikes"], a, dict.fromkeys(s.looks["alikes"].names, "undeclared")) for a in (STRICT, COARSE)
    )
    found = []
    for scenario in dict.fromkeys(p.scenario for p in s.alikes):
        names = [p.name for p in s.alikes if p.scenario == scenario]
        hits = [sum(at[n].rows != NEVER for n in names) for at in (strict, coarse)]
        number, words = split(scenario)
        found.append(Alike(scenario=number, title=words, n=len(names), strict=hits[0], coarse=hits[1]))
    return tuple(found)


def poisoned(s: Stage, share: float, seed: int) -> Poisoned:
    """Thieves of A4 to A6 in the calibration set, as new names: what is found then."""
    looks = s.looks["calibration"]
    thieves = [p.name for p in s.attacks if p.scenario[:2] in ("A4", "A5", "A6")]
    count = round(share * len(looks.names))
    rng = np.random.default_rng([seed, 15])
    parts, segments = [looks], dict(s.segments)
    for i in range(count):
        one = _renamed(s.looks["attacks"], thieves[int(rng.integers(len(thieves)))], f"poison {i}")
        parts.append(one)
        segments[f"poison {i}"] = "undeclared"
    names = {p.name: p.scenario[:2] for p in s.attacks}
    found = {}
    for alpha in (STRICT, COARSE):
        promise = promised(joined(parts), segments, BUDGETS[alpha], s.world.detectors, seed)
        hit = alarms(promise, s.looks["attacks"], segments, alpha)
        honest = alarms(promise, s.looks["test"], segments, alpha)
        found[alpha] = (
            float(np.mean([a.rows != NEVER for n, a in hit.items() if names[n] in REQUIRED])),
            float(np.mean([a.rows != NEVER for a in honest.values()])),
        )
    return Poisoned(
        share=share,
        found_strict=found[STRICT][0],
        realised_strict=found[STRICT][1],
        found_coarse=found[COARSE][0],
        realised_coarse=found[COARSE][1],
    )


def _renamed(looks: Looks, name: str, to: str) -> Looks:
    at = np.flatnonzero(looks.principal == looks.names.index(name))
    columns: dict[str, Any] = {f: getattr(looks, f)[at] for f in ("rows", "period", "values", "time_s")}
    segments = tuple(looks.segments[i] for i in at)
    return Looks(names=(to,), principal=np.zeros(at.size, np.int64), segments=segments, **columns)


def beside(s: Stage, runs: Sequence[Run], size: Size) -> list[Compared]:
    """Wellhead and its peers on the same streams, at the rate of false alarms that Wellhead realised at 1 in 100."""
    development, calibration, test = size.peers
    honest = Honest(
        s.calibration[:development],
        s.calibration[development : development + calibration],
        [p for p in s.test if not p.segment][:test],
        lambda _: "undeclared",
    )
    some = {p.name: p.scenario for p in s.attacks if p.scenario[:2] in REQUIRED}
    curves = {p.name: along(*zip(*r.curve, strict=True)) for p, r in zip(s.attacks, runs, strict=False)}

    def fidelity(name: str, rows: int) -> float:
        return curves[name](rows)

    promise = s.promises[COARSE]
    looks = joined([s.looks["attacks"], s.looks["test"]])
    margin = promise.score(looks.values, looks.rows) - promise.threshold("undeclared", COARSE)
    names = [p.name for p in honest.test]
    own = ours(tuple(some), looks, margin, s.segments, names)
    share = own.realised(0.0)
    rng = np.random.default_rng([s.victim.name.encode()[0], 3])
    rulings = judge(s.recorded.table, honest, [p for p in s.attacks if p.name in some], rng)
    scenarios = {n: split(v)[0] for n, v in some.items()}
    return [compare(ruling, scenarios, share, fidelity) for ruling in (own, *rulings)]
