"""`wellhead attack`: how cheaply can your own model be cloned?"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.cli.target import (
    OWN_MODELS,
    add_inputs,
    add_members,
    add_target,
    known_of,
    name_classes,
    open_target,
    patience_of,
    with_candidates,
)
from wellhead.core.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from wellhead.redteam.harness import Harness
    from wellhead.redteam.known import Known
    from wellhead.redteam.outcome import Study
    from wellhead.redteam.policy import Policy
    from wellhead.redteam.zoo import Wish

_TOO_GOOD = 3


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "attack", help="steal your own model first: every attack that fits, within a budget", description=OWN_MODELS
    )
    parser.add_argument("--list", action="store_true", help="print the zoo and stop")
    add_target(parser)
    parser.add_argument("--attacks", default="", metavar="A[,B...]", help="only these (default: all that fit)")
    parser.add_argument("--budget", type=int, default=10_000, metavar="ROWS", help="in all (default: %(default)s)")
    parser.add_argument("--resume", "--out", dest="out", type=Path, default=Path("wellhead-attack"), metavar="DIR",
                        help="report and transcript; a killed run goes on there (default: %(default)s)")  # fmt: skip
    add_inputs(parser)
    parser.add_argument("--judge", type=Path, metavar="FILE", help="held-out inputs (default: a share of the pool)")
    _add_harness(parser)
    _add_money(parser)
    more = parser.add_argument_group("more than cloning")
    add_members(more)
    more.add_argument("--invert", action="store_true", help="also rebuild inputs of each class")
    parser.add_argument(
        "--max-fidelity", type=float, default=math.inf, metavar="SHARE",
        help=f"exit with {_TOO_GOOD} where a clone agrees more than this, for CI",
    )  # fmt: skip
    parser.add_argument(
        "--policy", type=Path, metavar="FILE",
        help="a wellhead.toml: also run every attack through its gate, in process, and show what it leaves of them",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the study as JSON, nothing else")
    parser.set_defaults(run=run)


def _add_harness(parser: argparse.ArgumentParser) -> None:
    worn = parser.add_argument_group("against a defended target")
    worn.add_argument("--labels-only", action="store_true", help="look at labels, never at scores")
    worn.add_argument("--average", type=int, default=1, metavar="M", help="ask each input M times, average the answers")
    worn.add_argument("--cover", type=float, default=1.0, metavar="SHARE", help="the attack's share of the rows asked")
    worn.add_argument(
        "--noise", type=float, default=0.0, metavar="SHARE", help="vary each number by so much of its range"
    )
    worn.add_argument(
        "--recover",
        default="",
        metavar="DEFENCE",
        help="undo it by partial Bayes, such as round:2 or reverse_sigmoid:0.8",
    )


def _add_money(parser: argparse.ArgumentParser) -> None:
    money = parser.add_argument_group("money and time")
    money.add_argument("--price", type=float, default=0.0, metavar="X", help="of one row")
    money.add_argument("--price-call", type=float, default=0.0, metavar="X", help="of one request")
    money.add_argument("--account-price", type=float, default=0.0, metavar="X", help="of opening one account")
    money.add_argument("--rate-limit", type=float, default=0.0, metavar="ROWS_PER_S", help="of one account, if any")
    money.add_argument("--build-cost", type=float, default=0.0, metavar="X", help="what the model cost its owner")


def run(arguments: argparse.Namespace) -> int:
    """Attack, report, judge."""
    if arguments.list:
        return _list()
    from wellhead.cli.live import show
    from wellhead.redteam.files import read_table
    from wellhead.redteam.zoo import study

    oracle, opened = open_target(arguments)
    known = known_of(arguments, opened, read_table(arguments.pool) if arguments.pool else None)
    wish = wish_of(arguments)
    if arguments.members or arguments.nonmembers:
        known, wish.truth = with_candidates(arguments, known)
        wish.rooms = ("extract", "membership")
    if arguments.invert:
        wish.rooms = (*wish.rooms, "invert")
    wish.truth = name_classes(wish.truth, opened)
    if arguments.policy:
        wish.policy = _policy(arguments, known)
    found = show(study(oracle, known, wish), quiet=arguments.json)
    report(found, arguments.out, arguments.json)
    best = max((o.marks[-1].fidelity for o in found.outcomes if o.marks), default=-1.0)
    if best < 0 and not math.isinf(arguments.max_fidelity):
        print("wellhead: --max-fidelity could not be judged: no clone was measured", file=sys.stderr)
        return _TOO_GOOD
    return _TOO_GOOD if best > arguments.max_fidelity else 0


def _policy(arguments: argparse.Namespace, known: Known) -> Policy:
    """The gate of a config file, to be attacked as well."""
    from wellhead.config import load
    from wellhead.redteam.policy import Policy
    from wellhead.serve.rehearse import Rehearsal

    logs = arguments.out / "policy"
    shutil.rmtree(logs, ignore_errors=True)
    # A profile that has to be fitted must leave something of the budget for the attacks.
    some = known.pool[: arguments.budget // 4]
    rehearsal = Rehearsal(load(arguments.policy), logs, max(arguments.accounts, 1), some)
    return Policy(arguments.policy.name, rehearsal.guard)


def wish_of(arguments: argparse.Namespace) -> Wish:
    """What the options ask for."""
    from wellhead.redteam.budget import Budget
    from wellhead.redteam.files import read_table
    from wellhead.redteam.outcome import Prices
    from wellhead.redteam.zoo import Wish

    if arguments.budget < 1:
        raise ConfigError(f"expected --budget of 1 row or more, got {arguments.budget}")
    judges = read_table(arguments.judge) if arguments.judge else None
    return Wish(
        attacks=tuple(filter(None, arguments.attacks.split(","))),
        budget=Budget(rows=arguments.budget, price_row=arguments.price, price_call=arguments.price_call),
        prices=Prices(
            row=arguments.price,
            call=arguments.price_call,
            account=arguments.account_price,
            rows_per_s=arguments.rate_limit,
            build=arguments.build_cost,
        ),
        patience=patience_of(arguments),
        harness=_harness(arguments),
        judges=None if judges is None else judges.inputs,
        judge_labels=None if judges is None else judges.labels,
        directory=arguments.out,
        seed=arguments.seed,
    )


def _harness(arguments: argparse.Namespace) -> Harness:
    from wellhead.redteam.harness import Harness

    return Harness(
        average=arguments.average,
        cover=arguments.cover,
        noise=arguments.noise,
        labels_only=arguments.labels_only,
        recover=arguments.recover,
    )


def report(found: Study, directory: Path, as_json: bool) -> None:
    """Write the report, print the table and the verdict."""
    from wellhead.cli.live import print_study
    from wellhead.redteam.report.page import write

    files: dict[str, Path] = {}
    try:
        files = write(found, directory)
    except MissingExtra as e:  # what was found is worth more than how it looks
        print(f"wellhead: no HTML report: {e}", file=sys.stderr)
    print_study(found, files, as_json)


def _list() -> int:
    from wellhead.redteam.catalogue import zoo

    entries, absent = zoo()
    rows = [
        (e.name, e.room, e.needs, ", ".join(getattr(e.kind, "atlas", ())), e.cost, getattr(e.kind, "paper", ""))
        for e in entries
    ]
    print_table(("attack", "room", "needs", "ATLAS", "cost", "paper"), rows)
    for lacking in absent:
        print(f"{lacking.name}: {lacking.reason}")
    return 0


def print_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A drawn table on a terminal; elsewhere a line of aligned columns for each row, never broken."""
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        for row in (heads, *rows):
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
