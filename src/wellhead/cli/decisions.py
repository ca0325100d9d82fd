"""`wellhead decisions list|add|remove`: stances in force, and the operator's own."""

from __future__ import annotations

import argparse

from wellhead.cli.ask import add_config, ask_gate, until
from wellhead.core.verdict import Stance
from wellhead.serve.status import Ask

_STANCES = [s.name.lower() for s in Stance if s is not Stance.ALLOW]


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    verbs = commands.add_parser("decisions", help="stances in force").add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="decisions in force, and those that observe mode only noted")
    add_config(listing)
    listing.set_defaults(run=run_list)
    add = verbs.add_parser("add", help="put a stance in force; it always expires")
    add.add_argument("principal")
    add.add_argument("stance", choices=_STANCES)
    add.add_argument("--hours", type=hours, default=24.0, help="until it expires (default: %(default)s)")
    add.add_argument("--reason", default="operator", help="kept in the log")
    add_config(add)
    add.set_defaults(run=run_add)
    remove = verbs.add_parser("remove", help="lift the decision on a principal")
    remove.add_argument("principal")
    remove.add_argument("--reason", default="operator", help="kept in the log")
    add_config(remove)
    remove.set_defaults(run=run_remove)


def hours(text: str) -> float:
    """More than 0 and at most a year of them; raises ValueError."""
    number = float(text)
    if not 0.0 < number <= 8784.0:
        raise ValueError(text)
    return number


def run_list(arguments: argparse.Namespace) -> int:
    """Print the decisions."""
    rows = ask_gate(arguments, Ask(ask="decisions")).decisions or ()
    if not rows:
        print("no decisions in force")
    for d in rows:
        noted = " (observe mode: noted only)" if d.simulated else ""
        print(f"{d.principal}  {d.stance}{noted}  until {until(d.expires_us)}  by {d.origin}: {d.reason}")
    return 0


def run_add(arguments: argparse.Namespace) -> int:
    """Put a decision in force."""
    order = Ask(
        ask="decide",
        principal=arguments.principal,
        stance=arguments.stance,
        reason=arguments.reason,
        hours=arguments.hours,
    )
    print(ask_gate(arguments, order).done)
    return 0


def run_remove(arguments: argparse.Namespace) -> int:
    """Lift a decision."""
    print(ask_gate(arguments, Ask(ask="lift", principal=arguments.principal, reason=arguments.reason)).done)
    return 0
