"""The `wellhead` command."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from wellhead import __version__
from wellhead.core.errors import WellheadError

COMMANDS = (
    "init",
    "serve",
    "status",
    "top",
    "explain",
    "decisions",
    "keys",
    "principals",
    "profile",
    "audit",
    "rebuild",
    "rules",
    "scan",
    "calibrate",
    "link",
    "backtest",
    "findings",
    "exposure",
    "privacy",
    "defences",
    "attack",
    "leak",
    "invert",
    "probe",
    "validate",
    "recommend",
    "mark",
    "own",
)
"""Modules of wellhead.cli, in the order of a first day with Wellhead."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="wellhead", description="Meters what every caller has drawn out of a model, and closes the valve in time."
    )
    top.add_argument("--version", action="version", version=f"wellhead {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"wellhead.cli.{name}").register(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; user errors print one line and no traceback. Returns the exit code."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except WellheadError as e:
        print(f"wellhead: {e}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
