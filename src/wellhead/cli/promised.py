"""What a promise is worth to each segment, as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wellhead.cli.past import Survey
    from wellhead.detect.promise import Promise


def show(promise: Promise, survey: Survey, exclude: Sequence[str] = ()) -> None:
    """Print the promise by segment, who was left out, and who keeps thresholds high."""
    from rich.console import Console

    console = Console()
    console.print(f"Alarm budget: {promise.budget}", markup=False, highlight=False)
    console.print(table(promise))
    for line in notes(promise, survey, exclude):
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


def notes(promise: Promise, survey: Survey, exclude: Sequence[str] = ()) -> Iterator[str]:
    """What must be said beside the table."""
    yield f"Fitted on {promise.development} other principal-periods; {promise.excluded} were left out."
    for word, names in (("reviewed as theft", survey.thieves), ("excluded by you", exclude), ("drills", survey.drills)):
        if names:
            yield f"Left out, {word}: {_listed(names)}"
    if survey.accused:
        yield (
            f"Counted as honest, though a finding on them is open: {_listed(survey.accused)}. "
            "Close it (`wellhead findings close`) and calibrate again."
        )
    for segment, holders in promise.holders.items():
        if promise.level(segment):
            threshold, lower = promise.threshold(segment), promise.without(segment, len(holders))
            said = f"to {lower:.2f}" if lower < threshold else "until more are seen"
            yield (
                f"Highest in {segment}: {_listed([name for name, _ in holders])}. Thieves among them keep the "
                f"threshold high: without these it would fall from {threshold:.2f} {said}."
            )


def _listed(names: Iterable[str]) -> str:
    held = list(dict.fromkeys(names)) if isinstance(names, list) else sorted(names)
    return ", ".join(held[:10]) + (f" and {len(held) - 10} more" if len(held) > 10 else "")
