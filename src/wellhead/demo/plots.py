"""The report's pictures, as SVG that stands in the page itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from wellhead.demo.tale import Line
from wellhead.redteam.measure import Point

TICKS = (125, 250, 500, 1000, 2000, 4000)
INK, THIEF, HONEST, CALM = "#1c2733", "#c0392b", "#8fa3b5", "#1f6f8b"


def _axes(width: float = 7.6, height: float = 3.9) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="y", color="#e3e8ec", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_formatter("{x:.0%}")
    return axes


def _svg(axes: Any) -> str:
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "wellhead", "svg.fonttype": "none"}):
        axes.figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def replication(
    group: Line, accounts: Sequence[Line], honest: Sequence[Line], limits: tuple[float, float], alarm: tuple[int, float]
) -> str:
    """Replication over queries: each account of the thief, their sum, the honest beside them.

    limits: for one principal, for a group.  alarm: (rows, replication), (0, 0) for none.
    """
    axes = _axes()
    for i, line in enumerate(honest):
        axes.plot(
            line.rows,
            line.replication,
            color=HONEST,
            linewidth=0.9,
            alpha=0.8,
            label="honest customers" if not i else None,
        )
    for i, line in enumerate(accounts):
        label = "the thief's accounts, one by one" if not i else None
        axes.plot(line.rows, line.replication, color=THIEF, linewidth=1.1, alpha=0.55, label=label)
    axes.plot(group.rows, group.replication, color=THIEF, linewidth=2.6, label="the thief's accounts, summed")
    for level, whom in zip(limits, ("one principal", "a group of suspects"), strict=True):
        axes.axhline(level, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.text(0.6, level + 0.012, f"closes for {whom}", color=INK)
    if alarm[0]:
        axes.plot(*alarm, marker="o", markersize=9, color=THIEF, markeredgecolor="white")
        axes.annotate("alarm", alarm, (9, -13), textcoords="offset points", color=THIEF, weight="bold")
    axes.set_xscale("symlog", linthresh=16)
    axes.set_xticks(
        [0, 8, 16, 32, 64, 128, 256, 512, 1024, 2048],
        labels=["0", "8", "16", "32", "64", "128", "256", "512", "1,024", "2,048"],
    )
    axes.set_xlim(0, max([16, *group.rows, *(r for line in honest for r in line.rows)]) * 1.15)
    axes.set_ylim(0, 1)
    axes.set_xlabel("queries answered")
    axes.set_ylabel("replication (read by Wellhead)")
    axes.legend(frameon=False, loc="lower right")
    return _svg(axes)


def fidelity(unguarded: Sequence[Point], guarded: Sequence[Point]) -> str:
    """Measured fidelity of the thief's best clone over the answers it got, without and with Wellhead."""
    axes = _axes()
    for points, colour, label in ((unguarded, HONEST, "without Wellhead"), (guarded, CALM, "with Wellhead")):
        if not points:
            continue
        x = [p.rows for p in points]
        f = [p.best.fidelity for p in points]
        axes.fill_between(x, [v.low for v in f], [v.high for v in f], color=colour, alpha=0.2, linewidth=0)
        axes.plot(x, [v.value for v in f], color=colour, linewidth=2.4, marker="o", markersize=4, label=label)
        axes.annotate(
            f"{f[-1].value:.1%}", (x[-1], f[-1].value), (0, 9), textcoords="offset points", color=INK, ha="center"
        )
    axes.set_xscale("log")
    axes.set_xticks(TICKS, labels=[f"{n:,}" for n in TICKS])
    axes.xaxis.minorticks_off()
    axes.set_xlim(100, 6000)
    axes.set_ylim(0.6, 1)
    axes.set_xlabel("answers the thief got")
    axes.set_ylabel("measured fidelity of its clone")
    axes.legend(frameon=False, loc="lower right")
    return _svg(axes)
