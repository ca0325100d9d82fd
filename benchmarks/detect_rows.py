"""From the cells of victims and seeds to the benchmark's rows and figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from benchmarks.detect_attackers import REQUIRED
from benchmarks.detect_cell import Cell, Run
from benchmarks.detect_compare import OURS, by_detector, cells, fidelities, peer_rows, tradeoffs
from benchmarks.detect_gangs import Gang
from benchmarks.detect_metrics import NEVER, Details, Number, ScenarioRow, SegmentRow, beaten_share, bootstrap, worst
from benchmarks.detect_stage import COARSE, STRICT
from benchmarks.results import Figure

REFERENCE = 3000
"""Inputs that clones are judged on, about: a clone that never disagrees counts as disagreeing on half of one."""
COVERED = "A8"
NOTES = {
    "A8": "under cover of honest rows: what is left of the thief's own is few",
    "A12": "asks what a tenant would ask: no account can be told from a tenant",
    "A13": "knows sketches, detectors and threshold, and asks no more than they allow",
    "A14": "leaves each account before it is looked at closely",
    "A15": "share of A1 to A8 found then: thieves keep the threshold high; honest alarms stay below the promise",
    "A16": "the honest past dilutes what the thief asks",
    "B8": "several teams behind one key are as broad as a thief",
    "B9": "a reseller's customers together are the population",
    "B15": "asks exactly what a thief asks",
}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A cell with its campaigns."""

    cell: Cell
    gangs: tuple[Gang, ...] = ()


def ratio(alarm: float, full: float) -> float:
    """How much more often the clone at the alarm disagrees than that of the full budget."""
    least = 0.5 / REFERENCE
    return max(1 - alarm, least) / max(1 - full, least)


def rows(found: Sequence[Found]) -> list[ScenarioRow]:
    """One row a scenario and victim, over its seeds."""
    made = []
    for victim in dict.fromkeys(f.cell.victim for f in found):
        mine = [f for f in found if f.cell.victim == victim]
        runs = [r for f in mine for r in f.cell.runs]
        for key in dict.fromkeys((r.scenario, r.title) for r in runs):
            made.append(_single(mine, [r for r in runs if (r.scenario, r.title) == key]))
        made += _poisoned(mine)
        gangs = [g for f in mine for g in f.gangs]
        for key in dict.fromkeys((g.scenario, g.title) for g in gangs):
            made.append(_gang(mine, [g for g in gangs if (g.scenario, g.title) == key]))
        made += _alikes(mine)
    return made


def _plain(found: Sequence[Found], scenario: str, title: str, kind: str, n: int) -> dict[str, Any]:
    return {
        "scenario": scenario,
        "title": title,
        "victim": found[0].cell.victim,
        "kind": kind,
        "seeds": len(found),
        "n": n,
        "attainable": float(np.median([f.cell.attainable for f in found])),
        "note": NOTES.get(scenario, ""),
    }


def _middle(values: Sequence[float]) -> tuple[Number, Number, Number]:
    """Median with its 90 % interval."""
    if not len(values):
        return None, None, None
    low, high = bootstrap(np.asarray(values, float), np.random.default_rng(0))
    return float(np.median(values)), low, high


def _single(found: Sequence[Found], runs: Sequence[Run]) -> ScenarioRow:
    first = runs[0]
    at, low, high = _middle([r.rows for r in runs if r.rows != NEVER])
    ratios = _middle([ratio(r.fidelity, r.full) for r in runs])
    coarse = [r for r in runs if r.coarse != NEVER]
    curve = zip(*(r.curve for r in runs), strict=False)
    return ScenarioRow(
        **_plain(found, first.scenario, first.title, "attack" if first.scenario in REQUIRED else "hard", len(runs)),
        found=float(np.mean([r.rows != NEVER for r in runs])),
        rows=at,
        rows_low=low,
        rows_high=high,
        budget=int(np.median([r.budget for r in runs])),
        share=float(np.median([1.0 if r.rows == NEVER else min(r.rows / r.budget, 1.0) for r in runs])),
        fidelity=float(np.median([r.fidelity for r in runs])),
        full=float(np.median([r.full for r in runs])),
        ratio=ratios[0],
        ratio_low=ratios[1],
        ratio_high=ratios[2],
        coarse_found=len(coarse) / len(runs),
        coarse_rows=float(np.median([r.coarse for r in coarse])) if coarse else None,
        coarse_ratio=float(np.median([ratio(r.fidelity_coarse, r.full) for r in runs])),
        curve=tuple((points[0][0], float(np.median([p[1] for p in points]))) for points in curve),
        peers=cells([c for f in found for c in f.cell.compared], first.scenario) if first.scenario in REQUIRED else {},
    )


def _gang(found: Sequence[Found], gangs: Sequence[Gang]) -> ScenarioRow:
    first = gangs[0]
    at, low, high = _middle([g.rows for g in gangs if g.rows != NEVER])
    ratios = _middle([ratio(g.fidelity, g.full) for g in gangs])
    plain = _plain(found, first.scenario, first.title, "campaign", len(gangs))
    alone = float(np.mean([g.alone for g in gangs]))
    told = f"{first.title} against {plain['victim']}: {alone:.0%} alarm alone; {_union(gangs)}"
    plain["note"] = f"{plain['note']}; {told}".lstrip("; ")
    return ScenarioRow(
        **plain,
        found=float(np.mean([g.rows != NEVER for g in gangs])),
        rows=at,
        rows_low=low,
        rows_high=high,
        budget=first.budget,
        share=float(np.median([1.0 if g.rows == NEVER else g.rows / g.budget for g in gangs])),
        fidelity=float(np.median([g.fidelity for g in gangs])),
        full=float(np.median([g.full for g in gangs])),
        ratio=ratios[0],
        ratio_low=ratios[1],
        ratio_high=ratios[2],
        accounts=first.accounts,
        recall=float(np.mean([g.recall for g in gangs])),
        precision=_mean([g.precision for g in gangs]),
        swept=float(np.mean([g.swept for g in gangs])),
    )


def _union(gangs: Sequence[Gang]) -> str:
    """What the ledger of all members reads when the campaign is named."""
    readings = [g.reading for g in gangs if g.rows != NEVER]
    return f"union reads {np.median(readings):.2f} at the alarm" if readings else "the campaign never alarmed"


def _poisoned(found: Sequence[Found]) -> list[ScenarioRow]:
    """A15: what is found of A1 to A8 where thieves stood among the calibration principals."""
    held = [p for f in found for p in f.cell.poisoned if p.share]
    made = []
    for share in dict.fromkeys(p.share for p in held):
        mine = [p for p in held if p.share == share]
        title = f"calibration with {share:.1%} thieves"
        strict, coarse = (float(np.mean([getattr(p, f) for p in mine])) for f in ("found_strict", "found_coarse"))
        plain = _plain(found, "A15", title, "hard", len(mine))
        made.append(ScenarioRow(**plain, found=strict, coarse_found=coarse))
    return made


def _mean(values: Sequence[Number]) -> Number:
    there = [v for v in values if v is not None]
    return float(np.mean(there)) if there else None


def _alikes(found: Sequence[Found]) -> list[ScenarioRow]:
    made = []
    alikes = [a for f in found for a in f.cell.alikes]
    for key in dict.fromkeys((a.scenario, a.title) for a in alikes):
        mine = [a for a in alikes if (a.scenario, a.title) == key]
        n = sum(a.n for a in mine)
        plain = _plain(found, *key, "lookalike", n)
        coarse = sum(a.coarse for a in mine) / n
        made.append(ScenarioRow(**plain, found=sum(a.strict for a in mine) / n, coarse_found=coarse))
    return made


def segments(found: Sequence[Found]) -> tuple[SegmentRow, ...]:
    """Of each victim, the seeds together: each seed has its own calibration and test principals."""
    held = [s for f in found for s in f.cell.segments]
    made = []
    for key in dict.fromkeys((s.victim, s.segment, s.alpha) for s in held):
        mine = [s for s in held if (s.victim, s.segment, s.alpha) == key]
        made.append(
            msgspec.structs.replace(mine[0], test=sum(s.test for s in mine), alarms=sum(s.alarms for s in mine))
        )
    return tuple(made)


def details(found: Sequence[Found]) -> Details:
    """What the page shows beside the scenarios."""
    compared = [c for f in found for c in f.cell.compared]
    poisoned = [p for f in found for p in f.cell.poisoned]
    notes = [
        f"Calibrated with {share:.1%} thieves among the honest: {_of(poisoned, share, 'found_strict'):.0%} of A1-A8 "
        f"found at 1 in 1,000 ({_of(poisoned, share, 'found_coarse'):.0%} at 1 in 100), honest alarmed "
        f"{_of(poisoned, share, 'realised_strict'):.2%} ({_of(poisoned, share, 'realised_coarse'):.2%})."
        for share in dict.fromkeys(p.share for p in poisoned)
    ]
    left = dict.fromkeys(n for f in found for n in f.cell.notes)
    return Details(
        segments=segments(found),
        peers=peer_rows(compared, REQUIRED) if compared else (),
        tradeoff=tradeoffs(compared, REQUIRED) if compared else {},
        costs={"us an event, sketches and all signals": float(np.median([f.cell.us_per_event for f in found]))},
        notes=(*notes, *left),
    )


def _of(poisoned: Sequence[Any], share: float, field: str) -> float:
    return float(np.mean([getattr(p, field) for p in poisoned if p.share == share]))


def figures(found: Sequence[Found]) -> list[Figure]:
    """The headlines."""
    runs = [r for f in found for r in f.cell.runs if r.scenario in REQUIRED]
    held = segments(found)
    plain = [r for r in runs if r.scenario != COVERED]
    made = [
        Figure("realised_lower_over_promised_1in100_worst", worst(held, COARSE), "ratio"),
        Figure("realised_lower_over_promised_1in1000_worst", worst(held, STRICT), "ratio"),
        _figure("single_found_share", [r.rows != NEVER for r in runs], "share", np.mean),
        _figure("disagreement_ratio_at_alarm_single", [ratio(r.fidelity, r.full) for r in runs], "ratio"),
        _figure("single_found_share_1in100", [r.coarse != NEVER for r in runs], "share", np.mean),
        _figure("disagreement_ratio_at_alarm_single_1in100", [ratio(r.fidelity_coarse, r.full) for r in runs], "ratio"),
        _figure("single_found_share_without_cover", [r.rows != NEVER for r in plain], "share", np.mean),
        _figure("single_found_share_without_cover_1in100", [r.coarse != NEVER for r in plain], "share", np.mean),
        _figure("disagreement_ratio_without_cover", [ratio(r.fidelity, r.full) for r in plain], "ratio"),
        _figure("disagreement_ratio_without_cover_1in100", [ratio(r.fidelity_coarse, r.full) for r in plain], "ratio"),
        _figure("fidelity_at_alarm_single", [r.fidelity for r in runs], "share", better="lower"),
        _figure("fidelity_full_single", [r.full for r in runs], "share", better=""),
        _figure("fidelity_attainable", [f.cell.attainable for f in found], "share", better=""),
        _figure("budget_share_at_alarm_single", [_share(r) for r in runs], "share", better="lower"),
        _figure("detect_us_per_event", [f.cell.us_per_event for f in found], "us", better="lower"),
    ]
    return [*made, *_campaigns(found), *_peers(found)]


def _share(run: Run) -> float:
    return 1.0 if run.rows == NEVER else min(run.rows / run.budget, 1.0)


def _campaigns(found: Sequence[Found]) -> list[Figure]:
    """Of A9 with 5 to 125 accounts and A10."""
    gangs = [g for f in found for g in f.gangs if g.scenario in ("A9", "A10") and g.accounts <= 125]
    if not gangs:
        return []
    return [
        _figure("campaign_recall", [g.recall for g in gangs], "share", np.mean),
        _figure("campaign_recall_with_own_alarms", [g.named for g in gangs], "share", np.mean),
        _figure("campaign_found_share", [g.rows != NEVER for g in gangs], "share", np.mean),
        _figure("campaign_honest_swept", [g.swept for g in gangs], "share", np.mean, "lower"),
        _figure("disagreement_ratio_at_alarm_campaign", [ratio(g.fidelity, g.full) for g in gangs], "ratio"),
    ]


def _peers(found: Sequence[Found]) -> list[Figure]:
    groups = by_detector([c for f in found for c in f.cell.compared])
    if not groups:
        return []
    all_of = {name: np.array(fidelities(of, REQUIRED)) for name, of in groups.items()}
    ours = all_of.pop(OURS)
    return [Figure("peers_beaten_share", beaten_share(ours, all_of), "share", "at the same false alarms", "higher")]


def _figure(name: str, values: Sequence[Any], unit: str, of: Any = np.median, better: str = "higher") -> Figure:
    value = float(of(np.asarray(values, float))) if len(values) else math.nan
    return Figure(name, value, unit, f"{len(values)} runs", better)
