"""What a promise is worth to each segment, as people read it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wellhead.cli.past import Survey
    from wellhead.detect.promise import Promise


def show(promise: Promise, survey: Survey, exclude: Sequence[str], names: Collection[str]) -> None:
    """Print the promise by segment, who was left out, and who keeps thresholds high. names: who was looked at."""
    from rich.console import Console

    console = Console()
    console.print(f"Alarm budget: {promise.budget}", markup=False, highlight=False)
    console.print(table(promise))
    for line in notes(promise, survey, exclude, names):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def table(promise: Promise) -> Any:
    """The promise by segment as a rich table."""
    from rich.table import Table
    from rich.text import Text

    from wellhead.detect.promise import segment_sizes

    rows = Table("segment", box=None, header_style="bold")
    for head in ("principals", "needed", "promise", "threshold", "realised (90 %)"):
        rows.add_column(head, justify="left" if head == "promise" else "right")
    for segment, size in segment_sizes(promise).items():
        level, (low, high) = promise.level(segment), promise.interval(segment)
        held = (f"{promise.threshold(segment):.2f}", f"{low:.3%} .. {high:.3%}") if level else ("-", "-")
        rows.add_row(
            Text(segment), str(size), str(promise.needed(level or None, segment)), promise.word(segment), *held
        )
    return rows


def notes(promise: Promise, survey: Survey, exclude: Sequence[str], names: Collection[str]) -> Iterator[str]:
    """What must be said beside the table. names: who was looked at in the periods calibrated; nobody else counts."""
    here = frozenset(names)
    yield f"Fitted on {promise.development} other principal-periods; {promise.excluded} were left out."
    left_out = (("reviewed as theft", survey.thieves & here), ("excluded by you", [n for n in exclude if n in here]))
    for word, who in (*left_out, ("drills", survey.drills)):
        if who:
            yield f"Left out, {word}: {_listed(who)}"
    unknown = [n for n in exclude if n not in here]
    if unknown:
        yield f"Not in the periods calibrated, so that leaving them out changed nothing: {_listed(unknown)}"
    open_ones = (survey.accused & here) - survey.thieves - frozenset(exclude)
    if open_ones:
        yield (
            f"Counted as honest, though a finding on them is open: {_listed(open_ones)}. "
            "Close it (`wellhead findings close`) and calibrate again."
        )
    yield from _holders(promise)


def _holders(promise: Promise) -> Iterator[str]:
    """Who keeps thresholds high."""
    for segment, holders in promise.holders.items():
        if not promise.level(segment):
            continue
        threshold, lower = promise.threshold(segment), promise.without(segment)
        said = f"without these it would be {lower:.2f} in place of {threshold:.2f}"
        if not math.isfinite(lower):
            said = f"without these there would be none in place of {threshold:.2f}, until more principals are seen"
        yield (
            f"Highest in {segment}: {_listed([name for name, _ in holders])}. Thieves among them keep the "
            f"threshold high: {said}."
        )


def _listed(names: Iterable[str]) -> str:
    held = list(dict.fromkeys(names)) if isinstance(names, list) else sorted(names)
    return ", ".join(held[:10]) + (f" and {len(held) - 10} more" if len(held) > 10 else "")
