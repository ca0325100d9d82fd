"""The pictures of docs/benchmarks.md on defences, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.defend_tables import Row, best
from wellhead.redteam.report.drawing import CALM, HONEST, INK, THIEF, svg

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


def moved(rows: Sequence[Row]) -> str:
    """What the honest pay (mean L1) over what the best thief loses."""
    budgets = _most(rows)
    panels = _panels(list(budgets), 9.6, 4.2)
    for panel, (task, budget) in zip(panels, budgets.items(), strict=True):
        none = best(rows, task, budget, "none").accuracy
        labels = none - best(rows, task, budget, "label_only").accuracy
        shown = [(n, best(rows, task, budget, n)) for n in NAMES]
        for name, row in [(n, r) for n, r in shown if r.kept >= 0.5]:
            colour = THIEF if name == "fresh_gaussian" else CALM
            panel.plot([row.moved], [none - row.accuracy], "o", color=colour, markersize=5)
            panel.annotate(
                NAMES[name], (row.moved, none - row.accuracy), (4, 3), textcoords="offset points", fontsize=7
            )
        panel.axhline(labels, color=INK, linewidth=1.1, linestyle=(0, (1, 2)))
        panel.axhline(0, color=THIEF, linewidth=1.1, linestyle=(0, (4, 3)))
        panel.yaxis.set_major_formatter("{x:.1%}")
        panel.grid(axis="y", color="#e3e8ec", linewidth=0.8)
        panel.set_xlabel("how far an answer moves: mean L1, 0 to 2", fontsize=8.5)
        panel.set_ylabel("what the best thief loses in accuracy", fontsize=8.5)
    return svg(panels[0])
