"""A study as it goes, and its table in the end."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.core.words import share

if TYPE_CHECKING:
    from rich.table import Table

    from wellhead.redteam.outcome import Mark, Outcome, Study
    from wellhead.redteam.zoo import Progress


def show(rows: Iterable[Progress], quiet: bool = False) -> Study:
    """Draw progress until the study is done; a line for each attack where nobody watches a terminal."""
    found = None
    if quiet or not sys.stderr.isatty():
        for row in rows:
            found = row.study or found
            if row.outcome is not None and not quiet:
                print(_line(row.outcome), file=sys.stderr)
    else:
        found = _drawn(rows)
    if found is None:
        raise ConfigError("expected a study, got none")
    return found


def _drawn(rows: Iterable[Progress]) -> Study | None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    found = None
    console = Console(stderr=True)
    with Live(console=console, refresh_per_second=8) as live:
        for row in rows:
            found = row.study or found
            if row.outcome is not None:
                console.print(Text(_line(row.outcome)))
            live.update(Text(_now(row)))
        live.update(Text(""))
    return found


def _now(row: Progress) -> str:
    """Where the study stands, in one line."""
    parts = [
        f"[{row.number}/{row.attacks}] {row.attack}",
        f"{row.rows} of {row.cap} rows" if row.cap else "",
        f"fidelity so far {share(row.fidelity)}" if row.fidelity >= 0 else "",
        f"in all {row.spent.rows} rows, {row.spent.calls + row.spent.retries} calls",
        f"cost {row.spent.money:.2f}" if row.spent.money else "",
        f"at most {_duration(row.eta_s)} to go" if row.eta_s >= 0 else "",
    ]
    return " · ".join(filter(None, parts))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _line(outcome: Outcome) -> str:
    mark = outcome.marks[-1] if outcome.marks else None
    best = f", fidelity {_level(mark)}" if mark else ""
    reason = f": {outcome.reason}" if outcome.reason else ""
    return f"{outcome.attack}: {outcome.state}, {outcome.rows} rows{best}{reason}"


def _level(mark: Mark) -> str:
    """A regressor's clone is measured by R²."""
    return f"R² {mark.fidelity:.3f}" if mark.told == "values" else share(mark.fidelity)


def print_study(found: Study, files: dict[str, Path], as_json: bool = False) -> None:
    """The table, the warnings and the verdict, or JSON."""
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from wellhead.redteam.report.figures import between, level
    from wellhead.redteam.report.words import verdict

    console = Console()
    table = Table("attack", "state", "rows", "calls", "fidelity", "95 %", "clone", title=f"Study of {found.target}")
    for o in found.outcomes:
        mark = o.marks[-1] if o.marks else None
        table.add_row(
            Text(o.attack),
            o.state,
            f"{o.rows:,}",
            f"{o.calls:,}",
            level(found, mark.fidelity) if mark else "-",
            between(found, mark.low, mark.high) if mark else "-",
            _clone(o),
        )
    console.print(table)
    if any(o.leak for o in found.outcomes):
        console.print(_leaks(found))
    for o in found.outcomes:
        if o.reason:
            console.print(Text(f"{o.attack}: {o.reason}"))
    console.print(Text(_spent(found)))
    for warning in found.warnings:
        console.print(Text(f"warning: {warning}"))
    console.print(Text(f"\n{verdict(found)}"))
    for file in files.values():
        console.print(Text(f"wrote {file}"))


def _leaks(found: Study) -> Table:
    """Membership, a line for each attack; rates that the sample is too small for are not printed."""
    from rich.table import Table

    table = Table("attack", "AUC", "95 %", "TPR at 1 % FPR", "TPR at 0.1 % FPR", title="Membership")
    for o in found.outcomes:
        if o.leak is not None:
            rates = (_rate(o.leak.tpr1, o.leak.tpr1_interval), _rate(o.leak.tpr01, o.leak.tpr01_interval))
            low, high = o.leak.auc_interval
            table.add_row(o.attack, f"{o.leak.auc:.3f}", f"{low:.3f} to {high:.3f}", *rates)
    return table


def _rate(value: float | None, interval: tuple[float, float]) -> str:
    return "too few" if value is None else f"{share(value)} ({share(interval[0])} to {share(interval[1])})"


def _clone(o: Outcome) -> str:
    if o.exact is not None:
        return f"exact, error {o.exact.error:.1e}"
    return f"{o.marks[-1].learner} from {o.marks[-1].told}" if o.marks else ""


def _spent(found: Study) -> str:
    guess = f"always the commonest class agrees with {share(found.chance)}; " if found.chance else ""
    return (
        f"{guess}{found.spent_rows:,} of {found.budget_rows:,.0f} rows asked in {found.spent_calls:,} calls, "
        f"{found.judges} of them judges"
    )
