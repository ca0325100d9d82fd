"""What the commands that ask a running gate have in common."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wellhead.serve.status import Ask, Reply


def add_config(parser: argparse.ArgumentParser) -> None:
    """The option that names the gate by its config file."""
    parser.add_argument("-c", "--config", default="wellhead.toml", help="TOML file of the gate (default: %(default)s)")


def ask_gate(arguments: argparse.Namespace, question: Ask) -> Reply:
    """The running gate's reply."""
    from wellhead.config import load
    from wellhead.serve.control import ask

    return ask(load(arguments.config).audit.directory, question)


def until(expires_us: int) -> str:
    """A time of the log as people read it, UTC."""
    return datetime.fromtimestamp(expires_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC") if expires_us else "-"
