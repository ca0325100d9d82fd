"""`wellhead status`: the gate at a glance."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from wellhead.cli.ask import add_config, ask_gate
from wellhead.core.words import chance, share
from wellhead.serve.status import ALARMED, Acting, Ask, Promised, Standing, Status

if TYPE_CHECKING:
    from rich.console import Console

_HEADS = ("principal", "rows", "rows/min", "replication", "of attainable", "drawn", "bits", "guilt", "stance")
_LEFT_OUT = ("bits", "of attainable", "rows/min", "rows", "replication", "drawn", "guilt")
"""Columns that a narrow terminal can do without, the first of them first."""
_PAGE = 1000
_SEGMENTS = 8
_NAMED = 3


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("status", help="the running gate at a glance")
    add_config(p)
    p.add_argument("--json", action="store_true", help="as JSON")
    p.set_defaults(run=run)


def screen() -> Console:
    """Where people look: the terminal, or, piped, a page as wide as what is written on it."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_PAGE)


def table(status: Status, width: int = _PAGE) -> object:
    """The strongest principals as a rich table: damage first, then guilt. Of columns only, never of names, some are
    left out where it is narrow."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    cells = [_cells(s) for s in status.standings]
    wide = {head: 2 + max(cell_len(row[head]) for row in [*cells, {h: h for h in _HEADS}]) for head in _HEADS}
    left_out = iter(_LEFT_OUT)
    while sum(wide.values()) > width and (head := next(left_out, "")):
        del wide[head]
    rows = Table(box=None, header_style="bold")
    for head in wide:
        worded = head in ("principal", "guilt", "stance")
        rows.add_column(head, justify="left" if worded else "right", no_wrap=head != "principal", overflow="fold")
    for s, row in zip(status.standings, cells, strict=True):
        colour = "red" if s.stance != "allow" else "yellow" if s.word == ALARMED else ""
        # a caller's own name is no markup
        rows.add_row(*(Text(row[head]) for head in wide), style=colour)
    return rows


def _cells(s: Standing) -> dict[str, str]:
    """One principal, by column."""
    shown = (
        s.principal,
        str(s.rows),
        f"{s.rows_per_minute:.0f}",
        (">= " if s.at_least else "") + share(s.replication),
        share(s.attainable),
        share(s.drawn),
        "-" if s.bits < 0 else f"{s.bits:.0f}",
        guilt(s),
        s.stance,
    )
    return dict(zip(_HEADS, shown, strict=True))


def guilt(s: Standing) -> str:
    """How unlike honest principals somebody is, in two or three words; a dash where nobody can say."""
    if s.p < 0:
        return "nobody like it" if s.word else "-"
    likely = chance(s.p)
    if s.word == ALARMED:
        return f"established, {likely}"
    return f"watching, {likely}" if s.word.endswith("watching") else likely


def summary(status: Status) -> str:
    """The numbers of the whole gate, and what may be relied on."""
    lines = [
        f"{status.mode}: model {status.model}, profile {status.profile}, log {status.log_size} records",
        f"{status.requests} requests, {status.rows} rows, {status.refused} refused; {status.principals} principals, "
        f"{status.watched} watched, {status.findings} findings; {status.waiting} waiting, "
        f"{status.failed_closed} answers failed closed, {status.unmetered} rows unmetered",
    ]
    lines += [f"the last that failed closed: {status.last_failure}"] if status.last_failure else []
    lines += promise_lines(status.promise) if status.promise else []
    return "\n".join([*lines, *(f"campaign: {campaign(c)}" for c in status.campaigns[:_SEGMENTS])])


def campaign(c: Acting) -> str:
    """A campaign on one line: who, what they have drawn together, how sure."""
    more = len(c.members) - _NAMED
    who = ", ".join(c.members[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    drawn = "" if c.replication < 0 else f"{share(c.replication)} of the model (of {share(c.attainable)} attainable), "
    bits = "" if c.bits < 0 else f"{c.bits:.0f} bits, "
    return f"{who}: {drawn}{bits}{c.rows} rows; {chance(c.p)} at most, by the model of honest principals"


def promise_lines(promised: Promised) -> list[str]:
    """The promise: what it is, for whom, whether it is kept, and what works beside it."""
    lines = [f"promise: {promised.said}"]
    for s in promised.segments[:_SEGMENTS]:
        realised = f", realised {100 * s.low:.2g} to {100 * s.high:.2g} %" if s.high else ""
        lines.append(f"  {s.segment}: {s.word} ({s.principals} honest principal-periods{realised})")
    if promised.kept:
        lines.append(f"  kept: {promised.kept}")
    if promised.drifted:
        lines.append("  traffic has drifted since calibration: `wellhead calibrate`")
    return [*lines, f"linker: {promised.looks} looks, {promised.campaigns} campaigns; {promised.refits} refits"]


def run(arguments: argparse.Namespace) -> int:
    """Print the status."""
    status = ask_gate(arguments, Ask(ask="status")).status
    if status is None:
        return 1
    if arguments.json:
        import msgspec

        print(msgspec.json.encode(status).decode())
        return 0
    console = screen()
    console.print(summary(status), markup=False, highlight=False, soft_wrap=True)
    console.print(table(status, console.width))
    return 0
