"""Wellhead and its peers on the same streams, at the same rate of false alarms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from benchmarks.detect_metrics import NEVER, PeerCell, PeerRow
from benchmarks.detect_peers import Looks, Ruling
from wellhead.core.arrays import Array

OURS = "Wellhead"
SHARES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
Fidelity = Callable[[str, int], float]
"""Of the clone of an attack, by the stream's name and rows answered; NEVER is the whole budget's."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One detector on one victim and seed. attacks: names of streams, and of their scenarios.

    rate: honest test principals alarmed at the matched threshold.  rows, fidelity: at it, one an attack.
    The matched threshold stands on scores that are levelled between segments.
    published: honest alarmed at the author's threshold, and share of attacks found at it; None without one.
    curve: (honest alarmed, fidelity of each attack) at the thresholds of SHARES.
    """

    detector: str
    attacks: tuple[str, ...]
    scenarios: tuple[str, ...]
    rate: float
    rows: tuple[int, ...]
    fidelity: tuple[float, ...]
    published: float | None
    published_found: float | None
    curve: tuple[tuple[float, tuple[float, ...]], ...]
    cost_ms: float | None = None


def along(rows: Sequence[int], values: Sequence[float]) -> Callable[[int], float]:
    """Fidelity at any number of rows between those measured (rows rising), on the logarithm of rows."""
    at, of = np.log(np.asarray(rows, float)), np.maximum.accumulate(np.asarray(values, float))
    return lambda n: float(of[-1] if n == NEVER else np.interp(math.log(max(n, 1)), at, of))


def ours(names: Sequence[str], looks: Any, margin: Array, segments: Mapping[str, str], test: Sequence[str]) -> Ruling:
    """Wellhead's own looks in the peers' form.

    names: attacks.  looks: wellhead.detect.looks.Looks of attacks and honest.  margin: (m,) each look's score less its
    segment's threshold.  segments: of all.  test: honest principals.
    """
    order = np.lexsort((looks.rows, looks.principal))
    bounds = np.searchsorted(looks.principal[order], np.arange(len(looks.names) + 1))
    of = {n: order[a:b] for n, a, b in zip(looks.names, bounds[:-1], bounds[1:], strict=True)}
    none = np.zeros(0, np.int64)
    seen = {n: Looks(looks.rows[at], np.nan_to_num(margin[at], nan=-np.inf)) for n, at in of.items()}
    peaks = [(segments[n], seen[n].peak if n in seen else -math.inf) for n in test]
    return Ruling(OURS, 0.0, [], peaks, {n: (segments[n], seen.get(n, Looks(none, np.zeros(0)))) for n in names})


def compare(ruling: Ruling, scenarios: Mapping[str, str], share: float, fidelity: Fidelity) -> Compared:
    """A detector at the threshold that alarms this share of the honest test principals, and at others."""
    names, level = tuple(ruling.attacks), ruling.levelled()
    matched = level.matched(share)
    rows = _rows(level, matched)
    given = not math.isnan(ruling.published)
    at = [level.matched(s) for s in SHARES]
    return Compared(
        detector=ruling.peer,
        attacks=names,
        scenarios=tuple(scenarios[n] for n in names),
        rate=level.realised(matched),
        rows=rows,
        fidelity=tuple(map(fidelity, names, rows)),
        published=ruling.realised(ruling.published) if given else None,
        published_found=float(np.mean(np.array(_rows(ruling, ruling.published)) != NEVER)) if given else None,
        curve=tuple((level.realised(t), tuple(map(fidelity, names, _rows(level, t)))) for t in at),
        cost_ms=ruling.cost_ms,
    )


def _rows(ruling: Ruling, threshold: float) -> tuple[int, ...]:
    return tuple(ruling.alarms(threshold).values())


def cells(runs: Sequence[Compared], scenario: str) -> dict[str, PeerCell]:
    """Wellhead and each peer on one scenario at one rate of false alarms, over the runs of a victim."""
    return {name: _cell(of, scenario) for name, of in by_detector(runs).items()}


def _cell(runs: Sequence[Compared], scenario: str) -> PeerCell:
    mine = [(n, f) for r in runs for n, f, s in zip(r.rows, r.fidelity, r.scenarios, strict=True) if s == scenario]
    found = [n for n, _ in mine if n != NEVER]
    return PeerCell(len(found) / len(mine), float(np.median(found)) if found else None, _median([f for _, f in mine]))


def peer_rows(runs: Sequence[Compared], scenarios: Sequence[str]) -> tuple[PeerRow, ...]:
    """Every peer beside Wellhead over the attacks of these scenarios, all victims and seeds together."""
    groups = by_detector(runs)
    wellhead = _median(fidelities(groups[OURS], scenarios))
    return tuple(_row(name, of, scenarios, wellhead) for name, of in groups.items() if name != OURS)


def _row(name: str, runs: Sequence[Compared], scenarios: Sequence[str], wellhead: float) -> PeerRow:
    rows = [n for r in runs for n, s in zip(r.rows, r.scenarios, strict=True) if s in scenarios]
    costs = [r.cost_ms for r in runs if r.cost_ms is not None]
    return PeerRow(
        name=name,
        published=_mean([r.published for r in runs]),
        published_found=_mean([r.published_found for r in runs]),
        rate=float(np.mean([r.rate for r in runs])),
        found=float(np.mean(np.array(rows) != NEVER)),
        fidelity=_median(fidelities(runs, scenarios)),
        wellhead=wellhead,
        cost_ms=_median(costs) if costs else None,
    )


def fidelities(runs: Sequence[Compared], scenarios: Sequence[str]) -> list[float]:
    """Fidelity at the alarm of every attack of these scenarios."""
    return [f for r in runs for f, s in zip(r.fidelity, r.scenarios, strict=True) if s in scenarios]


def tradeoffs(runs: Sequence[Compared], scenarios: Sequence[str]) -> dict[str, tuple[tuple[float, float], ...]]:
    """For each detector (honest alarmed of 1,000, median fidelity at the alarm) along its thresholds."""
    return {name: _tradeoff(of, scenarios) for name, of in by_detector(runs).items()}


def _tradeoff(runs: Sequence[Compared], scenarios: Sequence[str]) -> tuple[tuple[float, float], ...]:
    points = []
    for i in range(len(SHARES)):
        honest = 1_000 * float(np.mean([r.curve[i][0] for r in runs]))
        values = [f for r in runs for f, s in zip(r.curve[i][1], r.scenarios, strict=True) if s in scenarios]
        points.append((honest, _median(values)))
    return tuple(points)


def by_detector(runs: Sequence[Compared]) -> dict[str, list[Compared]]:
    """The runs of each detector, in the order of first appearance."""
    groups: dict[str, list[Compared]] = {}
    for run in runs:
        groups.setdefault(run.detector, []).append(run)
    return groups


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _mean(values: Sequence[float | None]) -> float | None:
    there = [v for v in values if v is not None]
    return float(np.mean(there)) if there else None
