"""`wellhead invert`: what do your model's answers tell of how its classes look?"""

from __future__ import annotations

import argparse
from pathlib import Path

from wellhead.cli.target import OWN_MODELS, add_inputs, add_target, known_of, name_classes, open_target, patience_of


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("invert", help="rebuild inputs of each class from the answers", description=OWN_MODELS)
    add_target(parser)
    parser.add_argument("--attacks", default="", metavar="A[,B...]", help="only these (default: all that fit)")
    parser.add_argument("--budget", type=int, default=20_000, metavar="ROWS", help="in all (default: %(default)s)")
    parser.add_argument("--resume", "--out", dest="out", type=Path, default=Path("wellhead-invert"), metavar="DIR",
                        help="report with the gallery, and transcript (default: %(default)s)")  # fmt: skip
    add_inputs(parser)
    parser.add_argument("--json", action="store_true", help="print the study as JSON, nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Invert every class, and hang up the gallery."""
    from wellhead.cli.attack import report
    from wellhead.cli.live import show
    from wellhead.redteam.budget import Budget
    from wellhead.redteam.files import read_table
    from wellhead.redteam.results import Truth
    from wellhead.redteam.zoo import Wish, study

    oracle, opened = open_target(arguments)
    known = known_of(arguments, opened, read_table(arguments.pool) if arguments.pool else None)
    wish = Wish(
        attacks=tuple(filter(None, arguments.attacks.split(","))),
        rooms=("invert",),
        budget=Budget(rows=arguments.budget),
        patience=patience_of(arguments),
        most_judges=50,
        truth=name_classes(Truth(), opened),
        directory=arguments.out,
        seed=arguments.seed,
    )
    found = show(study(oracle, known, wish), quiet=arguments.json)
    report(found, arguments.out, arguments.json)
    return 0
