"""`wellhead rules list|test`: the detection rules in force, and their own examples."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from wellhead.core.errors import ConfigError
from wellhead.core.words import count

if TYPE_CHECKING:
    from wellhead.detect.rules import Rule, Rules


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    verbs = commands.add_parser("rules", help="detection rules").add_subparsers(dest="verb", required=True)
    for verb, run, text in (
        ("list", run_list, "what each rule says, and who else does so"),
        ("test", run_test, "run every rule on its own examples"),
    ):
        parser = verbs.add_parser(verb, help=text)
        parser.add_argument("-c", "--config", default="", help="also the rules that this config file names")
        parser.add_argument("files", nargs="*", help="more rule files (TOML)")
        parser.set_defaults(run=run)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the rules in force."""
    for rule in _rules(arguments).rules:
        print(_described(rule))
    return 0


def run_test(arguments: argparse.Namespace) -> int:
    """Run the examples; 1 where one does not do what it says."""
    rules = _rules(arguments)
    failures = rules.test()
    for failure in failures:
        print(f"{failure.rule}: expected a {failure.expected} on {failure.example}")
    examples = sum(len(rule.hit) + len(rule.miss) for rule in rules.rules)
    print(f"{count(len(rules.rules), 'rule')}, {count(examples, 'example')}, {len(failures)} wrong")
    return 1 if failures else 0


def _rules(arguments: argparse.Namespace) -> Rules:
    from wellhead.config import load
    from wellhead.detect.rules import Rules

    files = list(arguments.files)
    disabled: tuple[str, ...] = ()
    if arguments.config:
        section = load(arguments.config).rules
        files, disabled = [*section.files, *files], section.disabled
    return Rules({name: read_file(name) for name in files}, disabled)


def read_file(name: str) -> str:
    """The text of a rule file; raises ConfigError naming it."""
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"expected a rule file at {name}, got: {e}", "see docs/rules.md") from e


def _described(rule: Rule) -> str:
    conditions = " and ".join(f"{c.field} {c.op} {c.value:g}" for c in rule.conditions)
    return (
        f"{rule.name} ({rule.severity}; {', '.join(rule.atlas)})\n"
        f"  when    {conditions}, from {rule.min_rows} rows on\n"
        f"  why     {rule.why}\n"
        f"  honest  {rule.honest}"
    )
