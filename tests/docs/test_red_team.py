"""The red team's pages say what the code does."""

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from wellhead.plugins import names

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "writing-an-attack.md").read_text(encoding="utf-8")
MANUAL = (ROOT / "docs" / "red-team.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", names("attacks"))
def test_every_attack_stands_in_the_table_with_its_cost(name):
    row = next(line for line in ATTACKS.splitlines() if line.startswith(f"| `{name}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 5 and all(cells), row
    assert re.search(r"AML\.T0024", cells[4])


def test_the_guide_shows_the_example_that_runs():
    example = (ROOT / "examples" / "own_attack.py").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert blocks[0].strip() in example


def test_the_guide_names_every_part_of_the_contract():
    from wellhead.redteam.attack import Attack

    assert all(f"| `{name}` |" in GUIDE for name in Attack.__annotations__)


def test_states_are_those_of_the_code():
    from wellhead.redteam.report.words import STATES

    assert all(f"| `{state}` |" in MANUAL for state in STATES)


def test_options_named_in_the_manual_exist():
    from wellhead.cli.main import parser

    known = set()
    stack = [parser()]
    while stack:
        for action in stack.pop()._actions:
            known |= set(action.option_strings)
            stack += list((getattr(action, "choices", None) or {}).values()) if hasattr(action, "add_parser") else []
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", MANUAL)) <= known


def test_commands_named_in_the_manual_exist():
    from wellhead.cli.main import COMMANDS

    assert set(re.findall(r"wellhead (attack|leak|invert|probe)", MANUAL)) <= set(COMMANDS)


def test_entry_points_have_the_names_of_their_attacks():
    for entry in entry_points(group="wellhead.attacks"):
        assert entry.load().name == entry.name
