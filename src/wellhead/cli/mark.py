"""`wellhead mark`: mark a small share of answers, so that a copy can be recognised later."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.cli.ask import add_config

if TYPE_CHECKING:
    from wellhead.config import Config
    from wellhead.defend.own.commitment import Opening


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser("mark", help="ownership marks: commit to a key, see what was marked")
    verbs = p.add_subparsers(dest="verb", metavar="VERB", required=True)
    begin = verbs.add_parser("on", help="commit to a secret key in the log; the gate marks from its next start on")
    begin.add_argument("--model", type=Path, metavar="FILE", help="the model's file, whose digest is committed to")
    begin.set_defaults(run=on)
    verbs.add_parser("off", help="mark no more; keys and marks are kept").set_defaults(run=off)
    look = verbs.add_parser("show", help="what was committed to, and the share that was really marked")
    look.set_defaults(run=show)
    gone = verbs.add_parser("erase", help="forget the kept inputs of one principal")
    gone.add_argument("principal")
    gone.set_defaults(run=erase)
    for verb in verbs.choices.values():
        add_config(verb)


def _config(arguments: argparse.Namespace) -> tuple[Config, bytes]:
    """The config, and the key of the fingerprints, made where there is none yet."""
    from wellhead.config import load
    from wellhead.serve.assemble import secret

    config = load(arguments.config)
    folder = Path(config.audit.directory)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return config, secret(folder / "fingerprint.key")


def on(arguments: argparse.Namespace) -> int:
    """Commit, and say how to make others vouch for the time."""
    from wellhead.serve import ownership

    config, key = _config(arguments)
    opening = ownership.switch_on(config, ownership.model_of(config, arguments.model), key, ownership.now_us())
    _print_terms(config, opening)
    print(f"keys        {ownership.path_of(config)}: back it up; without it no mark can be shown")
    print(
        f"in the log; let somebody outside vouch for the time: stamp {ownership.log_of(config) / 'checkpoint'} "
        "with a time-stamping service of your choice, keep the receipt, and start the gate anew"
    )
    return 0


def off(arguments: argparse.Namespace) -> int:
    """Stop; 1 where nothing was on."""
    from wellhead.serve import ownership

    config, _ = _config(arguments)
    done = ownership.switch_off(config, ownership.now_us())
    print("off; a running gate marks until it is started anew" if done else "marks are off", file=sys.stdout)
    return 0 if done else 1


def show(arguments: argparse.Namespace) -> int:
    """Print commitments and the observed share; 1 where it lies outside its band."""
    from wellhead.serve import ownership
    from wellhead.serve.proof import Observed, observed

    config, _ = _config(arguments)
    ring = ownership.load(config)
    if not ring.openings:
        print("no key was made; `wellhead mark on` makes one")
        return 0
    wrong = 0
    for opening in ring.openings:
        _print_terms(config, opening)
        found: Observed = observed(config, opening)
        print(f"marked      {found.said}")
        wrong += not found.plausible
    print(f"now         {'on' if ring.on else 'off'}")
    return 1 if wrong else 0


def erase(arguments: argparse.Namespace) -> int:
    """Forget, and say how many; 1 where there were none."""
    from wellhead.serve import ownership
    from wellhead.store.marks import Marks

    config, _ = _config(arguments)
    gone = Marks(ownership.marks_path(config)).erase(arguments.principal)
    if not gone:
        print(f"no marked inputs of {arguments.principal!r} are kept: nothing was erased", file=sys.stderr)
        return 1
    print(f"{gone} marked inputs of {arguments.principal} erased; in a test each of them counts as a miss")
    return 0


def _print_terms(config: Config, opening: Opening) -> None:
    terms, names = opening.terms, config.model.classes
    print(f"commitment  {opening.commitment}")
    print(f"model       {opening.model}")
    whom = [f"plan {p}" for p in terms.plans] + ([f"stance {terms.stance} or stricter"] if terms.stance else [])
    what = "order of second and third class" if terms.variant == "second" else "best class"
    print(f"policy      {terms.share:.3%} of inputs, {what}, for {', '.join(whom)}")
    kept = [names[c] if c < len(names) else str(c) for c in (*terms.never_from, *terms.never_to)]
    if kept:
        print(f"excluded    {', '.join(dict.fromkeys(kept))}")
