"""`wellhead top`: principals, live."""

from __future__ import annotations

import argparse
import time

from wellhead.cli.ask import add_config, ask_gate
from wellhead.cli.status import screen, summary, table
from wellhead.serve.status import Ask


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("top", help="principals live: queries a minute, replication, bits, stance")
    add_config(p)
    p.add_argument("-n", "--rows", type=int, default=20, help="principals shown (default: %(default)s)")
    p.add_argument("--interval", type=float, default=1.0, help="seconds between looks (default: %(default)s)")
    p.add_argument("--looks", type=int, default=0, help="stop after so many looks (default: until interrupted)")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Refresh the table until interrupted."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    looks, console = 0, screen()
    with Live(console=console, refresh_per_second=4) as live:
        while True:
            status = ask_gate(arguments, Ask(ask="status", top=arguments.rows)).status
            if status is not None:
                rows = table(status, console.width)
                live.update(Group(Text(summary(status)), rows), refresh=True)  # type: ignore[arg-type]
            looks += 1
            if arguments.looks and looks >= arguments.looks:
                return 0
            time.sleep(arguments.interval)
