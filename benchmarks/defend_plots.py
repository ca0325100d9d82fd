"""The pictures of docs/defences.md, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.defend_tables import Row, best
from wellhead.redteam.report.drawing import CALM, HONEST, INK, THIEF, axes, svg

NAMES = {
    "label_only": "label only",
    "top_3": "top 3",
    "top_5": "top 5",
    "top_3_rounded": "top 3, 2 decimals",
    "round_1": "1 decimal",
    "round_2": "2 decimals",
    "buckets_2": "2 buckets",
    "buckets_3": "3 buckets",
    "reverse_sigmoid": "reverse sigmoid",
    "noise_input": "keyed noise by input",
    "noise_output": "keyed noise by output",
    "mad_argmax": "MAD, best class kept",
    "mad": "MAD, labels flipped",
    "modelguard_w": "ModelGuard-W",
    "modelguard_s": "ModelGuard-S, frozen",
    "modelguard_s_cut": "ModelGuard-S, top 5, 2 decimals",
    "fresh_gaussian": "fresh Gaussian noise",
}
_TITLES = {"digits": "digits: a sure model", "tab20": "tab20: an unsure model"}


def pictures(rows: Sequence[Row]) -> dict[str, str]:
    """Each by the end of its name."""
    return {"thieves": thieves(rows), "moved": moved(rows)}


def _panels(tasks: Sequence[str], wide: float, high: float) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(wide, high), layout="constrained")
    panels = figure.subplots(1, len(tasks), squeeze=False, sharey=False)[0]
    for panel, task in zip(panels, tasks, strict=True):
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
        panel.set_axisbelow(True)
        panel.set_title(_TITLES.get(task, task), fontsize=10, loc="left")
        panel.tick_params(labelsize=8)
    return panels


def _most(rows: Sequence[Row]) -> dict[str, int]:
    return {task: max(r.rows for r in rows if r.task == task) for task in dict.fromkeys(r.task for r in rows)}


def thieves(rows: Sequence[Row]) -> str:
    """A bar for the best thief of each defence and a dot for the naive one; lines for no defence and for labels."""
    budgets = _most(rows)
    panels = _panels(list(budgets), 9.6, 5.2)
    for i, (panel, (task, budget)) in enumerate(zip(panels, budgets.items(), strict=True)):
        pick = {(r.defence, r.thief): r for r in rows if (r.task, r.rows) == (task, budget)}
        names = [n for n in NAMES if (n, "soft") in pick]
        at = np.arange(len(names))[::-1]
        top = [best(rows, task, budget, n) for n in names]
        panel.barh(at, [r.accuracy for r in top], 0.62, color=CALM, label="best thief")
        spread = [r.accuracy_sd for r in top]
        panel.errorbar([r.accuracy for r in top], at, xerr=spread, fmt="none", ecolor=INK, elinewidth=0.8)
        naive = [pick[n, "soft"].accuracy for n in names]
        panel.plot(
            naive, at, "o", color=HONEST, markeredgecolor=INK, markersize=5, label="thief that trusts the answers"
        )
        none, labels = best(rows, task, budget, "none").accuracy, pick["label_only", "soft"].accuracy
        panel.axvline(none, color=THIEF, linewidth=1.1, linestyle=(0, (4, 3)), label="best thief, no defence")
        panel.axvline(labels, color=INK, linewidth=1.1, linestyle=(0, (1, 2)), label="labels alone")
        panel.set_yticks(at, [NAMES[n] if i == 0 else "" for n in names], fontsize=8.5)
        panel.xaxis.set_major_formatter("{x:.0%}")
        panel.grid(axis="x", color="#e3e8ec", linewidth=0.8)
        panel.set_xlabel(f"accuracy of the clone, {budget:,} answers", fontsize=8.5)
    handles, labels_of = panels[0].get_legend_handles_labels()
    panels[0].figure.legend(handles, labels_of, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)
    return svg(panels[0])


def moved(rows: Sequence[Row], task: str = "tab20") -> str:
    """What the honest pay (mean L1) over what the best thief loses, on the task where labels say least."""
    budget = _most(rows).get(task, 0)
    drawn = axes(9.0, 4.6)
    none = best(rows, task, budget, "none").accuracy
    shown = [(n, best(rows, task, budget, n)) for n in NAMES]
    points = [(r.moved, 100 * (none - r.accuracy), n) for n, r in shown if r.kept >= 0.5]
    places = apart([(x, y) for x, y, _ in points])
    back = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for (x, y, name), at in zip(points, places, strict=True):
        drawn.plot([x], [y], "o", color=THIEF if name == "fresh_gaussian" else CALM, markersize=5)
        said = drawn.annotate(NAMES[name], (x, y), (x + 0.025, at), fontsize=8, va="center", bbox=back)
        said.set_in_layout(False)
    drawn.set_ylim(min(y for _, y, _ in points) - 0.3, max(places) + 0.3)
    labels = 100 * (none - best(rows, task, budget, "label_only").accuracy)
    drawn.axhline(labels, color=INK, linewidth=1.1, linestyle=(0, (1, 2)))
    drawn.axhline(0, color=THIEF, linewidth=1.1, linestyle=(0, (4, 3)))
    drawn.set_xlim(-0.04, 2.0)
    drawn.yaxis.set_major_formatter("{x:.1f}")
    drawn.set_xlabel("how far an answer moves: mean L1, 0 to 2 (dotted: label only; dashed: no defence)", fontsize=9)
    drawn.set_ylabel("accuracy that the best thief loses, points", fontsize=9)
    return svg(drawn)


def apart(points: Sequence[tuple[float, float]], wide: float = 0.5, high: float = 0.17) -> list[float]:
    """Where the label of each point may stand so that none lies upon another: y, the lowest first.

    wide, high: of a label, in the units of the points.
    """
    placed: dict[int, float] = {}
    for i in sorted(range(len(points)), key=lambda i: points[i][1]):
        x, y = points[i]
        beside = sorted(v for j, v in placed.items() if abs(points[j][0] - x) < wide)
        for taken in beside:
            if abs(taken - y) < high:
                y = taken + high
        placed[i] = y
    return [placed[i] for i in range(len(points))]
