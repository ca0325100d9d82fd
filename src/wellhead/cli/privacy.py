"""`wellhead privacy`: does the recorded epsilon of a differentially private training run hold?"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from wellhead.core.errors import ConfigError

_EXPORT = (
    "json.dumps({**engine.accountant.state_dict(), 'delta': ..., 'epsilon': engine.get_epsilon(...), 'rows': ...})"
)


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    p = commands.add_parser(
        "privacy",
        help="check the recorded epsilon of a differentially private training run",
        description=f"RUN is JSON: of an Opacus run, write {_EXPORT}",
    )
    p.add_argument("file", type=Path, metavar="RUN", help="history, delta, epsilon, max_grad_norm, rows, ... as JSON")
    p.add_argument("--json", action="store_true", help="as JSON")
    p.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the checks; 1 where one of them fails."""
    from wellhead.defend.privacy import check, run_of

    try:
        data = arguments.file.read_bytes()
    except OSError as e:
        raise ConfigError(f"expected a training run in {arguments.file}, got: {e.strerror}", f"write {_EXPORT}") from e
    bound, remarks = check(run_of(data))
    if arguments.json:
        print(msgspec.json.encode({"epsilon_at_most": bound, "remarks": remarks}).decode())
    else:
        for remark in remarks:
            print(f"{remark.verdict.upper():8} {remark.check}: {remark.said}")
        print("This bounds membership inference. It does not make the model harder to clone: see docs/records.md.")
    return 1 if any(r.verdict == "fail" for r in remarks) else 0
