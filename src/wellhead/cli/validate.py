"""`wellhead validate`: what is each defence worth against thieves that adapt to it?"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.cli.target import (
    OWN_MODELS,
    add_inputs,
    add_members,
    add_target,
    known_of,
    open_target,
    patience_of,
    with_candidates,
)
from wellhead.core.errors import ConfigError, MissingExtra, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wellhead.config import Config
    from wellhead.core.arrays import Array
    from wellhead.core.event import Answer
    from wellhead.redteam.known import Known
    from wellhead.redteam.matrix import Step, Terms
    from wellhead.redteam.oracle import Oracle
    from wellhead.redteam.validation import Tried, Validation


_ONE_MODEL = "your config has stances with an upstream of their own: here the target answered in their place"
_CLASSIFIERS, _FOR_OTHERS = "expected a classifier to validate, got {}", "for others there is `wellhead attack`"
_LOOK = 4


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "validate",
        help="try each defence, and your config, against thieves that adapt (classifiers)",
        description=OWN_MODELS,
    )
    parser.add_argument(
        "-c", dest="config", type=Path, default=Path("wellhead.toml"), metavar="FILE",
        help="config of the gate that is tried (default: %(default)s)",
    )  # fmt: skip
    add_target(parser)
    parser.add_argument(
        "--budget",
        type=int,
        default=1000,
        metavar="N",
        help="inputs that each thief learns from (default: %(default)s)",
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="of thieves (default: %(default)s)")
    parser.add_argument(
        "--defences", default="", metavar="A[;B+C...]", help="compositions to try as well: round:1;mad_argmax+top_k:3"
    )
    parser.add_argument("--flip-labels", action="store_true", help="also try defences that may change the best class")
    add_inputs(parser)
    parser.add_argument("--judge", type=Path, metavar="FILE", help="held-out inputs (default: a third of the pool)")
    add_members(parser)
    money = parser.add_argument_group("money and time")
    money.add_argument("--price", type=float, default=0.0, metavar="X", help="of one row")
    money.add_argument("--account-price", type=float, default=0.0, metavar="X", help="of opening one account")
    money.add_argument(
        "--fidelity", type=float, default=0.9, metavar="SHARE", help="that costs are counted to (default: %(default)s)"
    )
    money.add_argument(
        "--days",
        type=float,
        default=30.0,
        metavar="D",
        help="that a thief keeps at it, simulated (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("wellhead-validate"), metavar="DIR",
        help="report and transcript; what was answered is never asked again (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the study as JSON, nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Try, report."""
    import numpy as np

    from wellhead.config import load
    from wellhead.redteam.attack import take_inputs
    from wellhead.redteam.budget import UNLIMITED
    from wellhead.redteam.desk import Desk
    from wellhead.redteam.matrix import validate
    from wellhead.redteam.policy import behind
    from wellhead.redteam.transcript import Transcript
    from wellhead.serve.policies import Policies

    config, terms = load(arguments.config), _terms(arguments)
    oracle, known, terms = _target(arguments, terms)
    _check(arguments, config, known)
    check_free(arguments.out, oracle.target)
    with _rehearsals(arguments.out) as folder, closing(Transcript(arguments.out / "transcript.jsonl")) as transcript:
        check_targets(transcript.targets, oracle.target, arguments.out)
        desk = Desk(oracle, UNLIMITED, transcript, patience_of(arguments), arguments.seed)
        model = behind(desk)
        check_classifier(model(take_inputs(known.pool, np.arange(min(len(known.pool), _LOOK)))))
        wanted = tuple(filter(None, (part.strip() for part in arguments.defences.split(";"))))
        policies = Policies(config, Path(folder), known.pool, arguments.seed)
        trials = policies.all(model, wanted, arguments.flip_labels)
        found = show(validate(desk, known, trials, terms), quiet=arguments.json)
    report(_warned(found, config), arguments.out, arguments.json)
    return 0


def _rehearsals(out: Path) -> tempfile.TemporaryDirectory[str]:
    """A new folder for the logs of rehearsals, deleted in the end; nothing that was there before is touched."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix="rehearsals-", dir=out, ignore_cleanup_errors=True)
    except OSError as e:
        raise StoreError(f"expected a folder for the report at {out}, got: {e.strerror}", "see --out") from e


def _check(arguments: argparse.Namespace, config: Config, known: Known) -> None:
    """Raises ConfigError for what can never be validated, before anything is asked."""
    if "regressor" in (arguments.task, config.model.task):
        raise ConfigError(_CLASSIFIERS.format("a regressor"), _FOR_OTHERS)
    if not len(known.pool):
        raise ConfigError("expected inputs to ask, got none", "give --pool FILE")


def check_classifier(told: Answer | Array) -> None:
    """Raises ConfigError where the first answers are those of a regressor."""
    from wellhead.redteam.oracle import as_answer

    if as_answer(told).top1 is None:
        raise ConfigError(_CLASSIFIERS.format("single numbers, as of a regressor"), _FOR_OTHERS)


def check_targets(targets: Sequence[str], target: str, directory: Path) -> None:
    """Raises ConfigError where a transcript is that of other targets. targets: that it tells of."""
    if targets and target not in targets:
        raise ConfigError(
            f"expected a validation of {target} in {directory}, got one of {targets[0]}", "give a new directory: --out"
        )


def check_free(directory: Path, target: str) -> None:
    """Raises ConfigError where the report would overwrite what is no validation of this target."""
    import msgspec

    from wellhead.redteam.report.validated import FILES, STUDY

    there = [name for name in FILES if (directory / name).exists()]
    if not there:
        return
    try:
        told = msgspec.json.decode((directory / STUDY).read_bytes())
    except (OSError, msgspec.MsgspecError):
        told = None
    if not isinstance(told, dict) or "tried" not in told:
        raise ConfigError(
            f"expected no {there[0]} in {directory} but of a validation, got another",
            "give a new directory: --out",
        )
    check_targets([str(told.get("target"))], target, directory)


def _warned(found: Validation, config: Config) -> Validation:
    import msgspec

    if not any(treatment.upstream for treatment in config.stances.values()):
        return found
    return msgspec.structs.replace(found, warnings=(*found.warnings, _ONE_MODEL))


def _terms(arguments: argparse.Namespace) -> Terms:
    from wellhead.redteam.files import read_table
    from wellhead.redteam.goal import checked_prices
    from wellhead.redteam.matrix import Terms
    from wellhead.redteam.outcome import Prices

    judges = read_table(arguments.judge) if arguments.judge else None
    return Terms(
        budget=arguments.budget,
        seeds=arguments.seeds,
        seed=arguments.seed,
        days=arguments.days,
        goal=arguments.fidelity,
        prices=checked_prices(Prices(row=arguments.price, account=arguments.account_price)),
        judges=None if judges is None else judges.inputs,
        judge_labels=None if judges is None else judges.labels,
    )


def _target(arguments: argparse.Namespace, terms: Terms) -> tuple[Oracle, Known, Terms]:
    """What is asked, what is known of it, and the terms with the truth about members where it is given."""
    import msgspec

    from wellhead.redteam.files import read_table

    oracle, opened = open_target(arguments)
    known = known_of(arguments, opened, read_table(arguments.pool) if arguments.pool else None)
    if arguments.members or arguments.nonmembers:
        known, truth = with_candidates(arguments, known)
        terms = msgspec.structs.replace(terms, truth=truth)
    return oracle, known, terms


def show(steps: Iterable[Step], quiet: bool = False) -> Validation:
    """Draw progress until all is tried; a line for each policy where nobody watches a terminal."""
    found = None
    if quiet or not sys.stderr.isatty():
        for step in steps:
            found = step.found or found
            if step.tried is not None and not quiet:
                print(_line(step.tried), file=sys.stderr)
    else:
        found = _drawn(steps)
    if found is None:
        raise ConfigError("expected a validation, got none")
    return found


def _drawn(steps: Iterable[Step]) -> Validation | None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    found = None
    columns = (BarColumn(), TextColumn("{task.completed} of {task.total}"), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}", markup=False), console=Console(stderr=True)) as bar:
        task = bar.add_task("asking the judges")
        for step in steps:
            found = step.found or found
            bar.update(task, completed=step.done, total=step.steps, description=f"{step.policy}: {step.what}")
            if step.tried is not None:
                bar.console.print(_line(step.tried), markup=False, highlight=False)
    return found


def _line(tried: Tried) -> str:
    from wellhead.redteam.report.claims import figure

    best = tried.best
    said = f"best thief {best.thief}, {figure(best)}" if best else tried.reason or "no clone"
    return f"{tried.policy}: {said}"


def report(found: Validation, directory: Path, as_json: bool) -> None:
    """Write the report; print the matrix and what may be said, or JSON."""
    from wellhead.redteam.report import validated

    files: dict[str, Path] = {}
    try:
        files = validated.write(found, directory)
    except MissingExtra as e:  # what was found is worth more than how it looks
        print(f"wellhead: no HTML report: {e}", file=sys.stderr)
    if as_json:
        print(validated.as_json(found), end="")
        return
    _print(found)
    for file in files.values():
        print(f"wrote {file}")


def _print(found: Validation) -> None:
    import textwrap

    from wellhead.cli.attack import print_table
    from wellhead.redteam.report.claims import claims, honest
    from wellhead.redteam.report.heat import matrix, tables

    for table in (matrix(found), *tables(found)):
        print(f"\n{table.title}")
        print_table(table.head, table.rows)
    for text in (*(f"warning: {w}" for w in found.warnings), *claims(found), *honest(found)):
        print(f"\n{textwrap.fill(text, 118)}")
    print()
