"""The pictures of docs/benchmark.md, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.detect_metrics import Details, ScenarioRow, SegmentRow
from wellhead.redteam.report.drawing import CALM, HONEST, INK, THIEF, axes, svg

WELLHEAD = "Wellhead"
_PEERS = ("#8e6c3f", "#d68910", "#6c3483", "#c39bd3", "#1e8449", "#7dcea0", "#34495e", "#99a3a4", "#a93226", "#f1948a")


_ATTACKS = {
    "A1": "uniform, grid",
    "A2": "line search, boundary",
    "A3": "perturbed seeds (JbDA)",
    "A4": "knockoff",
    "A5": "knockoff, adaptive",
    "A6": "active learning",
    "A7": "data-free generator",
    "A8": "cover traffic",
}


def curves(rows: Sequence[ScenarioRow]) -> str:
    """A panel a victim: each attack's clone over its queries, and where it was found."""
    from matplotlib.figure import Figure

    victims = list(dict.fromkeys(r.victim for r in rows if r.curve))
    wide = min(len(victims), 2)
    deep = -(-len(victims) // wide)
    figure = Figure(figsize=(9.6, 3.3 * deep + 0.5), layout="constrained")
    panels = figure.subplots(deep, wide, squeeze=False).ravel()
    for panel, victim in zip(panels, victims, strict=False):
        _panel(panel, victim, [r for r in rows if r.victim == victim and r.curve])
    for panel in panels[len(victims) :]:
        panel.set_axis_off()
    handles = {label: h for p in panels for h, label in zip(*p.get_legend_handles_labels(), strict=True)}
    names = sorted(handles)
    figure.legend([handles[n] for n in names], names, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return svg(panels[0])


def _panel(panel: Any, victim: str, rows: Sequence[ScenarioRow]) -> None:
    codes = sorted({r.scenario for r in rows} | set(_ATTACKS))
    for row in rows:
        x, y = (np.array(c, float) for c in zip(*sorted(row.curve), strict=True))
        colour = _PEERS[codes.index(row.scenario) % len(_PEERS)]
        label = f"{row.scenario} {_ATTACKS.get(row.scenario, row.title)}"
        panel.plot(x, y, color=colour, linewidth=1.1, alpha=0.75, label=label)
        if row.rows is not None:
            at = np.interp(row.rows, x, y) if row.fidelity is None else row.fidelity
            panel.plot([row.rows], [at], marker="o", markersize=6, color=colour, markeredgecolor=INK, linestyle="")
    attainable = [r.attainable for r in rows if r.attainable is not None]
    if attainable:
        panel.axhline(max(attainable), color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    panel.set_xscale("log")
    panel.set_xticks([10, 30, 100, 300, 1_000, 2_000], ["10", "30", "100", "300", "1,000", "2,000"])
    panel.set_xticks([], minor=True)
    panel.set_xlim(right=2_400)
    panel.yaxis.set_major_formatter("{x:.0%}")
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    panel.grid(axis="y", color="#e3e8ec", linewidth=0.8)
    panel.set_title(victim, fontsize=10, loc="left")
    panel.set_xlabel("queries answered", fontsize=8)
    panel.set_ylabel("agreement of the clone", fontsize=8)
    panel.tick_params(labelsize=8)


def promises(segments: Sequence[SegmentRow]) -> str:
    """Realised over promised false alarms of every segment, with one-sided 95 % bounds."""
    shown = sorted(segments, key=lambda s: (-s.alpha, s.victim, s.segment))
    drawn = axes(8.4, 0.9 + 0.25 * len(shown))
    at = np.arange(len(shown))[::-1]
    low, mid, high = (np.array([v / s.alpha for s, v in zip(shown, of, strict=True)]) for of in _bounds(shown))
    broken = low > 1
    for y, a, m, b, bad in zip(at, low, mid, high, broken, strict=True):
        colour = THIEF if bad else CALM
        drawn.plot([a, b], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
        drawn.plot([m], [y], color=colour, marker="o", markersize=5, clip_on=False)
    drawn.axvline(1, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    drawn.set_yticks(at, [f"{s.victim}, {s.segment or 'all'}, 1 in {1 / s.alpha:,.0f}" for s in shown], fontsize=8)
    drawn.grid(axis="y", visible=False)
    drawn.grid(axis="x", color="#e3e8ec", linewidth=0.8)
    drawn.set_ylim(-0.8, len(shown) - 0.2)
    drawn.set_xlim(0, max(3.0, float(min(high.max(initial=1.0), 6.0))))
    drawn.set_xlabel("honest alarmed, realised over promised (bars: 95 % bounds)")
    return svg(drawn)


def _bounds(segments: Sequence[SegmentRow]) -> tuple[list[float], list[float], list[float]]:
    return [s.low for s in segments], [s.rate for s in segments], [s.high for s in segments]


def tradeoff(details: Details) -> str:
    """Median clone at the alarm over honest alarms, of every detector; down and left is better."""
    drawn = axes(8.4, 4.4)
    names = [WELLHEAD, *(n for n in details.tradeoff if n != WELLHEAD)]
    for i, name in enumerate(n for n in names if n in details.tradeoff):
        x, y = (np.array(c) for c in zip(*sorted(details.tradeoff[name]), strict=True))
        colour, wide = (CALM, 3.0) if name == WELLHEAD else (_PEERS[(i - 1) % len(_PEERS)], 1.3)
        drawn.plot(np.maximum(x, 0.2), y, color=colour, linewidth=wide, marker="o", markersize=2.5, label=name)
    drawn.axvline(10, color=HONEST, linewidth=0.9, linestyle=(0, (4, 3)))
    drawn.set_xscale("log")
    ticks = [0.2, 1, 3, 10, 30, 100, 300, 1_000]
    drawn.set_xticks(ticks, ["0", *(f"{t:,.0f}" for t in ticks[1:])])
    drawn.set_xticks([], minor=True)
    drawn.set_xlabel("honest principals alarmed, of 1,000 in 30 days (dashed: 1 in 100)")
    drawn.set_ylabel("median clone at the alarm: agreement")
    drawn.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8.5)
    return svg(drawn)
