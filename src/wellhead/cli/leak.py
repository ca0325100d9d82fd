"""`wellhead leak`: can it be told from your model's answers who was in the training set?"""

from __future__ import annotations

import argparse
import math
import sys
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

if TYPE_CHECKING:
    from wellhead.redteam.outcome import Study

_JUDGES = 20
_LEAKS = 3


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "leak", help="membership: tell training rows from others by the answers", description=OWN_MODELS
    )
    add_target(parser)
    add_members(parser)
    parser.add_argument("--shadows", type=int, default=16, metavar="N", help="shadow models (default: %(default)s)")
    parser.add_argument("--attacks", default="", metavar="A[,B...]", help="only these (default: all that fit)")
    parser.add_argument(
        "--budget", type=int, default=0, metavar="ROWS", help="in all (default: 4 a row, 10,000 or more)"
    )
    parser.add_argument("--resume", "--out", dest="out", type=Path, default=Path("wellhead-leak"), metavar="DIR",
                        help="report and transcript (default: %(default)s)")  # fmt: skip
    add_inputs(parser)
    parser.add_argument("--max-tpr", type=float, default=math.inf, metavar="SHARE",
                        help=f"exit with {_LEAKS} where more members are found at 1 %% false positives")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the study as JSON, nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask for members and others alike, and see whether they can be told apart."""
    import msgspec
    import numpy as np

    from wellhead.cli.attack import report
    from wellhead.cli.live import show
    from wellhead.redteam.attack import take_inputs
    from wellhead.redteam.budget import Budget
    from wellhead.redteam.files import Table, read_table
    from wellhead.redteam.known import Known
    from wellhead.redteam.zoo import Wish, study

    bare, truth = with_candidates(arguments, Known())
    pool = read_table(arguments.pool) if arguments.pool else None
    oracle, opened = open_target(arguments)
    known = known_of(arguments, opened, pool or Table(bare.candidates))
    # Bounds and shape come from the candidates, but they are no pool: shadows are trained on them anyway.
    known, truth = with_candidates(arguments, known if pool else msgspec.structs.replace(known, pool=bare.pool))
    outside = np.flatnonzero(~truth.members)[:_JUDGES]
    wish = Wish(
        attacks=tuple(filter(None, arguments.attacks.split(","))),
        rooms=("membership",),
        budget=Budget(rows=arguments.budget or max(4 * len(known.candidates), 10_000)),
        patience=patience_of(arguments),
        judges=take_inputs(known.candidates, outside),
        most_judges=_JUDGES,
        settings={"shadows": arguments.shadows},
        truth=name_classes(truth, opened),
        directory=arguments.out,
        seed=arguments.seed,
    )
    found = show(study(oracle, known, wish), quiet=arguments.json)
    report(found, arguments.out, arguments.json)
    return _judged(found, arguments.max_tpr)


def _judged(found: Study, most: float) -> int:
    """The exit status. What could not be judged does not pass."""
    if math.isinf(most):
        return 0
    leaks = [o.leak for o in found.outcomes if o.leak]
    rates = [leak.tpr1 for leak in leaks if leak.tpr1 is not None]
    if rates:
        return _LEAKS if max(rates) > most else 0
    few = max((leak.nonmembers for leak in leaks), default=0)
    why = f"{few} non-members are too few for a rate at 1 % false positives" if few else "no attack measured anything"
    print(f"wellhead: --max-tpr {most:g} could not be judged: {why}", file=sys.stderr)
    return _LEAKS
