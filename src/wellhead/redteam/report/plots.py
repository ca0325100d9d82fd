"""The report's curves, as SVG that stands in the page itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wellhead.redteam.outcome import Leak, Mark, Outcome, Study
from wellhead.redteam.report.drawing import HONEST, INK, axes, svg
from wellhead.redteam.report.summary import RECOVERED, is_baseline

COLOURS = ("#1f6f8b", "#c0392b", "#d68910", "#6c3483", "#1e8449", "#a04000", "#5d6d7e", "#117a65")
_STEPS = (1, 2, 5)


def fidelity(study: Study) -> str:
    """Measured fidelity of each attack's clone over its answers, with 95 % intervals and guessing beside."""
    marked = sorted((o for o in study.outcomes if o.marks or o.exact), key=lambda o: is_baseline(o.attack))
    drawn = axes(7.6, 4.3)
    floor = 0.0 if study.task == "regressor" else study.chance
    drawn.axhline(floor, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="guessing")
    clever = 0
    for outcome in marked:
        baseline = is_baseline(outcome.attack)
        colour = HONEST if baseline else COLOURS[clever % len(COLOURS)]
        dash = "-" if clever < len(COLOURS) or baseline else "--"
        clever += not baseline
        _curve(drawn, outcome, colour, dash)
    log_rows(drawn, [m.rows for o in marked for m in o.marks] + [o.rows for o in marked if o.exact])
    lows = [m.low for o in marked for m in o.marks]
    drawn.set_ylim(max(min([floor, *lows]) - 0.03, -0.25), 1.02)
    if study.task == "regressor":
        drawn.yaxis.set_major_formatter("{x:.1f}")
    drawn.set_xlabel("queries answered")
    drawn.set_ylabel("R² of the clone" if study.task == "regressor" else "fidelity of the clone")
    drawn.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)
    return svg(drawn)


def _curve(drawn: Any, outcome: Outcome, colour: str, dash: str) -> None:
    marks: Sequence[Mark] = sorted(outcome.marks, key=lambda m: m.rows)
    x, y = [m.rows for m in marks], [m.fidelity for m in marks]
    name = plain_name(outcome.attack) + (" (baseline)" if is_baseline(outcome.attack) else "")
    if marks:
        drawn.fill_between(x, [m.low for m in marks], [m.high for m in marks], color=colour, alpha=0.14, linewidth=0)
        drawn.plot(x, y, color=colour, linestyle=dash, linewidth=2, marker="o", markersize=3.5, label=name)
    if outcome.exact and outcome.exact.error <= RECOVERED and outcome.rows:
        label = f"{name}: the model itself" if not marks else "the model itself"
        drawn.plot(
            [outcome.rows], [1], color=colour, marker="*", markersize=13, linestyle="", label=label, clip_on=False
        )


def plain_name(name: str, most: int = 28) -> str:
    """A name that matplotlib shows as it is: no mathematics, no hidden label, no glyph that the font lacks.

    most: characters.
    """
    shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in name)[:most]
    return shown.replace("$", r"\$").lstrip("_") or "unnamed"


def log_rows(drawn: Any, rows: Sequence[int]) -> None:
    """A logarithmic x axis from 1, 2, 5 steps around these rows, with plain labels."""
    low, high = max(min(rows, default=1), 1), max([2, *rows])
    ticks = [step * 10**power for power in range(12) for step in _STEPS]
    shown = [t for t in ticks if low / 1.3 <= t <= high * 1.3]
    while len(shown) > 9:
        shown = shown[::2]
    drawn.set_xscale("log")
    drawn.set_xticks(shown, labels=[f"{t:,}" for t in shown])
    drawn.xaxis.minorticks_off()
    drawn.set_xlim(low / 1.25, high * 1.25)


def roc(study: Study) -> str:
    """True over false positive rates of each membership attack, both logarithmic; guessing beside."""
    leaks = [(o.attack, o.leak) for o in study.outcomes if o.leak and o.leak.curve]
    drawn = axes(7.6, 4.3)
    for i, (attack, leak) in enumerate(leaks):
        x, y = _seen(leak)
        label = f"{plain_name(attack)} ({leak.auc:.2f})"
        drawn.plot(x, y, color=COLOURS[i % len(COLOURS)], linewidth=2, label=label, drawstyle="steps-post")
    low = min((1 / max(leak.nonmembers, 1) for _, leak in leaks), default=1e-3)
    drawn.plot([low, 1], [low, 1], color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="guessing")
    thin = max((10 / max(leak.nonmembers, 1) for _, leak in leaks), default=0)
    drawn.axvspan(low, max(min(thin, 1), low), color="#eef1f4", zorder=0, label="too few non-members to tell")
    for scale, limit in ((drawn.set_xscale, drawn.set_xlim), (drawn.set_yscale, drawn.set_ylim)):
        scale("log")
        limit(low, 1.05)
    shares = [t for t in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0) if low <= t * 1.0001]
    for axis in (drawn.xaxis, drawn.yaxis):
        axis.set_ticks(shares, labels=[f"{100 * t:g} %" for t in shares])
        axis.minorticks_off()
    drawn.set_xlabel("non-members accused (false positive rate)")
    drawn.set_ylabel("members recognised")
    drawn.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)
    return svg(drawn)


def _seen(leak: Leak) -> tuple[list[float], list[float]]:
    """The curve where a logarithm has a place for it."""
    least = 1 / max(leak.nonmembers, 1)
    points = [(max(x, least), max(y, least)) for x, y in sorted(leak.curve)]
    return [x for x, _ in points], [y for _, y in points]
