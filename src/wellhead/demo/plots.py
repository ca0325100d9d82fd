"""The report's pictures, as SVG that stands in the page itself."""

from __future__ import annotations

from collections.abc import Sequence

from wellhead.demo.tale import Line
from wellhead.redteam.measure import Point
from wellhead.redteam.report.drawing import CALM, HONEST, INK, THIEF, axes, svg

TICKS = (125, 250, 500, 1000, 2000, 4000)


def replication(
    group: Line, accounts: Sequence[Line], honest: Sequence[Line], limits: tuple[float, float], alarm: tuple[int, float]
) -> str:
    """Replication over queries: each account of the thief, their sum, the honest beside them.

    limits: for one principal, for a group.  alarm: (rows, replication), (0, 0) for none.
    """
    drawn = axes()
    for i, line in enumerate(honest):
        drawn.plot(
            line.rows,
            line.replication,
            color=HONEST,
            linewidth=0.9,
            alpha=0.8,
            label="honest customers" if not i else None,
        )
    for i, line in enumerate(accounts):
        label = "the thief's accounts, one by one" if not i else None
        drawn.plot(line.rows, line.replication, color=THIEF, linewidth=1.1, alpha=0.55, label=label)
    drawn.plot(group.rows, group.replication, color=THIEF, linewidth=2.6, label="the thief's accounts, summed")
    for level, whom in zip(limits, ("one principal", "a group of suspects"), strict=True):
        drawn.axhline(level, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        drawn.text(0.6, level + 0.012, f"closes for {whom}", color=INK)
    if alarm[0]:
        drawn.plot(*alarm, marker="o", markersize=9, color=THIEF, markeredgecolor="white")
        drawn.annotate("alarm", alarm, (9, -13), textcoords="offset points", color=THIEF, weight="bold")
    drawn.set_xscale("symlog", linthresh=16)
    drawn.set_xticks(
        [0, 8, 16, 32, 64, 128, 256, 512, 1024, 2048],
        labels=["0", "8", "16", "32", "64", "128", "256", "512", "1,024", "2,048"],
    )
    drawn.set_xlim(0, max([16, *group.rows, *(r for line in honest for r in line.rows)]) * 1.15)
    drawn.set_ylim(0, 1)
    drawn.set_xlabel("queries answered")
    drawn.set_ylabel("replication (read by Wellhead)")
    drawn.legend(frameon=False, loc="lower right")
    return svg(drawn)


def fidelity(unguarded: Sequence[Point], guarded: Sequence[Point]) -> str:
    """Measured fidelity of the thief's best clone over the answers it got, without and with Wellhead."""
    drawn = axes()
    for points, colour, label in ((unguarded, HONEST, "without Wellhead"), (guarded, CALM, "with Wellhead")):
        if not points:
            continue
        x = [p.rows for p in points]
        f = [p.best.fidelity for p in points]
        drawn.fill_between(x, [v.low for v in f], [v.high for v in f], color=colour, alpha=0.2, linewidth=0)
        drawn.plot(x, [v.value for v in f], color=colour, linewidth=2.4, marker="o", markersize=4, label=label)
        drawn.annotate(
            f"{f[-1].value:.1%}", (x[-1], f[-1].value), (0, 9), textcoords="offset points", color=INK, ha="center"
        )
    drawn.set_xscale("log")
    drawn.set_xticks(TICKS, labels=[f"{n:,}" for n in TICKS])
    drawn.xaxis.minorticks_off()
    drawn.set_xlim(100, 6000)
    drawn.set_ylim(0.6, 1)
    drawn.set_xlabel("answers the thief got")
    drawn.set_ylabel("measured fidelity of its clone")
    drawn.legend(frameon=False, loc="lower right")
    return svg(drawn)
