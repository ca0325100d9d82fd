"""`wellhead own`: declare a test of a suspect, make it, and say what it shows."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.cli.target import OWN_MODELS, add_target
from wellhead.core.errors import ConfigError

if TYPE_CHECKING:
    from wellhead.serve.trial import Suspect

_SHOWN, _REFUSED = 3, 1


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("own", help="ask a suspect the marked inputs: does it depend on our answers?")
    verbs = p.add_subparsers(dest="verb", metavar="VERB", required=True)
    _add_declare(verbs.add_parser("declare", help="write the test into the log, before it is made"))
    _add_verify(
        verbs.add_parser(
            "verify",
            help="ask the suspect, count, correct, compare, report",
            description=OWN_MODELS + " A court's order counts as its owner's word: name the order.",
            conflict_handler="resolve",
        )
    )


def _add_declare(p: argparse.ArgumentParser) -> None:
    p.add_argument("-c", "--config", default="wellhead.toml", help="TOML file of the gate (default: %(default)s)")
    p.add_argument("uid", help="a name for this test")
    p.add_argument("--suspect", action="append", required=True, metavar="URL_OR_FILE", help="who will be asked")
    p.add_argument("--beacon", required=True, metavar="TEXT", help="where public randomness will come from, later")
    p.add_argument("--marks", type=int, default=0, metavar="N", help="how many are asked (default: all, at most 200)")
    p.add_argument("--principal", action="append", default=[], metavar="NAME", help="only its marks (default: all)")
    p.add_argument("--suspect-classes", default="", metavar="A,B,...",
                   help="our classes in the order of the suspect's answers, where it is another")  # fmt: skip
    p.add_argument("--alpha", type=float, default=1e-6, help="corrected p-value that decides (default: %(default)s)")
    p.add_argument("--panel", type=int, default=19, metavar="N", help="independent models, at least (%(default)s)")
    p.set_defaults(run=declare)


def _add_verify(p: argparse.ArgumentParser) -> None:
    add_target(p)
    p.add_argument("-c", "--config", default="wellhead.toml", help="TOML file of the gate (default: %(default)s)")
    p.add_argument("--suspect", "--target", dest="target", required=True, metavar="URL_OR_FILE",
                   help="as declared: an http(s) URL, module:object, or a model file")  # fmt: skip
    p.add_argument("uid", help="of the declaration")
    p.add_argument("--suspect-config", type=Path, metavar="FILE", help="a wellhead.toml for the suspect's API")
    p.add_argument("--beacon", required=True, metavar="TEXT", help="the public randomness: it draws the marks")
    p.add_argument("--panel", action="append", default=[], metavar="URL_OR_FILE", help="an independent model")
    p.add_argument("--panel-data", type=Path, metavar="FILE", help="inputs with true labels, to train the rest on")
    p.add_argument("--false-claims", type=int, default=0, metavar="KEYS", help="also try so many other keys")
    p.add_argument("--vkey", help="the log's published verifier key, or a file with it")
    p.add_argument(
        "--out", type=Path, default=Path("wellhead-own"), metavar="DIR", help="report (default: %(default)s)"
    )
    p.set_defaults(run=verify)


def declare(arguments: argparse.Namespace) -> int:
    """Write the declaration, and say what it takes."""
    from wellhead.config import load
    from wellhead.defend.own.chance import least_matches
    from wellhead.defend.own.commitment import Declaration
    from wellhead.serve.notes import note
    from wellhead.serve.ownership import now_us
    from wellhead.serve.trial import declaration

    config = load(arguments.config)
    wish = Declaration(
        uid=arguments.uid,
        commitments=("",),
        suspects=tuple(arguments.suspect),
        marks=arguments.marks or 1,
        beacon=arguments.beacon,
        principals=tuple(arguments.principal),
        alpha=arguments.alpha,
        panel=arguments.panel,
        classes=tuple(filter(None, arguments.suspect_classes.split(","))),
    )
    test, among, tests = declaration(config, wish)
    note(config, test, now_us())
    least = least_matches(test.marks, among, math.log10(test.alpha) - math.log10(tests))
    print(f"declared {test.uid}: {test.marks} marks; a stranger matches one with a chance of at most 1 in {among}")
    print(f"it takes {least} matches" if least <= test.marks else "no number of matches is enough: declare more marks")
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Ask, judge, report; 3 where dependence is shown, 1 where there is no verdict."""
    from wellhead.cli.own_report import write
    from wellhead.cli.target import patience_of
    from wellhead.config import load
    from wellhead.defend.own.judge import DEPENDENT, REFUSED
    from wellhead.redteam.files import read_table
    from wellhead.serve.trial import Trial, conduct, verdict_line

    if Path(arguments.target).suffix in (".npz", ".jsonl"):
        raise ConfigError("expected a suspect that can be asked now, got recorded answers", "name its URL or file")
    trial = Trial(
        uid=arguments.uid,
        beacon=arguments.beacon,
        suspect=_suspect(arguments, arguments.target),
        panel=tuple(_suspect(arguments, name) for name in arguments.panel),
        table=read_table(arguments.panel_data, labelled=True) if arguments.panel_data else None,
        false_claims=arguments.false_claims,
        vkey=_vkey(arguments.vkey),
        patience=patience_of(arguments),
        seed=arguments.seed,
    )
    found = conduct(load(arguments.config), trial)
    print(verdict_line(found))
    print("report: " + ", ".join(str(p) for p in write(found, arguments.out)))
    return {DEPENDENT: _SHOWN, REFUSED: _REFUSED}.get(found.ruling.verdict, 0)


def _suspect(arguments: argparse.Namespace, name: str) -> Suspect:
    """Somebody who can be asked, as `wellhead attack` opens a target."""
    from wellhead.cli.target import open_target
    from wellhead.serve.trial import Suspect

    told = {"target": name, "config": arguments.suspect_config, "task": arguments.task or "classifier"}
    oracle, opened = open_target(argparse.Namespace(**(vars(arguments) | told)))
    spec = getattr(oracle, "spec", None)
    return Suspect(name, oracle, tuple(opened.classes if opened is not None else spec.classes if spec else ()))


def _vkey(given: str | None) -> str | None:
    path = Path(given) if given else None
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else given
