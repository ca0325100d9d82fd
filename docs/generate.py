"""Write docs/configuration.md and docs/commands.md from the code: `python docs/generate.py`, or `--check` them."""

from __future__ import annotations

import argparse
import inspect
import sys
import types
import typing
from pathlib import Path

import msgspec

from wellhead import config
from wellhead.cli.main import parser

HERE = Path(__file__).parent
INTRODUCTION = """\
# Configuration

One TOML file. An unknown key is an error that says what was meant. Every key has a default, so the file holds only
what you decide.
A value can also come from the environment, for secrets and deployment: `WELLHEAD__LISTEN__PORT=9000` is `listen.port`.

This page is generated from the structs of `wellhead.config`.
"""


def type_word(annotation: object) -> str:
    """A type as people write it in TOML."""
    words = {str: "string", int: "integer", float: "number", bool: "true or false"}
    if annotation in words:
        return words[typing.cast("type", annotation)]
    if typing.get_origin(annotation) is tuple:
        return f"list of {type_word(typing.get_args(annotation)[0])}s"
    if isinstance(annotation, types.UnionType):
        return type_word(next(a for a in typing.get_args(annotation) if a is not type(None)))
    return "table"


def default_word(value: object) -> str:
    """A default as it would stand in the file."""
    if value is None:
        return "that of the whole"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{msgspec.json.encode(value).decode()}`"


def section(name: str, struct: type[msgspec.Struct]) -> list[str]:
    """One table of the file, then its sub-tables."""
    title = f"## [{name}]" if name else "## At the top"
    lines = ["", title, "", " ".join(inspect.getdoc(struct).split()) if struct.__doc__ else "", ""]
    lines += ["| key | type | default |", "|---|---|---|"]
    nested: list[tuple[str, type[msgspec.Struct]]] = []
    hints = typing.get_type_hints(struct)
    for field in msgspec.structs.fields(struct):
        hint = hints[field.name]
        inner = next(
            (a for a in (hint, *typing.get_args(hint)) if isinstance(a, type) and issubclass(a, msgspec.Struct)), None
        )
        place = f"{name}.{field.name}" if name else field.name
        if inner is not None:
            is_map = typing.get_origin(hint) is dict
            if is_map or not (name.startswith("plans.")):
                nested.append((f"{place}.NAME" if is_map else place, inner))
            else:
                lines.append(f"| `{field.name}` | table, keys as in its section above | that of the whole |")
            continue
        lines.append(f"| `{field.name}` | {type_word(hint)} | {default_word(field.default)} |")
    if lines[-1] == "|---|---|---|":
        lines = lines[:-3]
    for place, inner in nested:
        lines += section(place, inner)
    return lines


def configuration() -> str:
    """docs/configuration.md."""
    return INTRODUCTION + "\n".join(section("", config.Config)) + "\n"


def usages(command: argparse.ArgumentParser, depth: int = 2) -> list[str]:
    """The help of a command and of the commands below it."""
    lines = [f"{'#' * depth} {command.prog}", "", "```text", command.format_help().strip(), "```", ""]
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                lines += usages(child, depth + 1)
    return lines


def commands() -> str:
    """docs/commands.md."""
    return "# Commands\n\nThis page is generated from the commands themselves.\n\n" + "\n".join(usages(parser()))


def main() -> int:
    """Write the pages, or say which is stale."""
    import os

    os.environ["COLUMNS"] = "100"
    pages = {"configuration.md": configuration(), "commands.md": commands()}
    stale = [name for name, text in pages.items() if not (HERE / name).exists() or (HERE / name).read_text() != text]
    if "--check" in sys.argv:
        print("\n".join(f"docs/{name} is stale: run `python docs/generate.py`" for name in stale), end="")
        return 1 if stale else 0
    for name, text in pages.items():
        (HERE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
