"""`wellhead status`: the gate at a glance."""

from __future__ import annotations

import argparse

from wellhead.cli.ask import add_config, ask_gate, share
from wellhead.serve.status import Ask, Status


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("status", help="the running gate at a glance")
    add_config(p)
    p.add_argument("--json", action="store_true", help="as JSON")
    p.set_defaults(run=run)


def table(status: Status) -> object:
    """The strongest principals as a rich table."""
    from rich.table import Table
    from rich.text import Text

    rows = Table("principal", box=None, header_style="bold")
    for head in ("rows", "rows/min", "replication", "of attainable", "drawn", "bits", "stance"):
        rows.add_column(head, justify="right" if head != "stance" else "left")
    for s in status.standings:
        bits = "-" if s.bits < 0 else f"{s.bits:.0f}"
        rate = f"{s.rows_per_minute:.0f}"
        colour = "red" if s.stance != "allow" else ""
        cells = (
            Text(s.principal),  # a caller's own name is no markup
            str(s.rows),
            rate,
            share(s.replication),
            share(s.attainable),
            share(s.drawn),
            bits,
            s.stance,
        )
        rows.add_row(*cells, style=colour)
    return rows


def summary(status: Status) -> str:
    """The numbers of the whole gate, on two lines."""
    return (
        f"{status.mode}: model {status.model}, profile {status.profile}, log {status.log_size} records\n"
        f"{status.requests} requests, {status.rows} rows, {status.refused} refused; {status.principals} principals, "
        f"{status.watched} watched, {status.findings} findings; {status.waiting} waiting, "
        f"{status.failed_closed} answers failed closed, {status.unmetered} rows unmetered"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the status."""
    status = ask_gate(arguments, Ask(ask="status")).status
    if status is None:
        return 1
    if arguments.json:
        import msgspec

        print(msgspec.json.encode(status).decode())
        return 0
    from rich.console import Console

    console = Console()
    console.print(summary(status), markup=False, highlight=False)
    console.print(table(status))
    return 0
