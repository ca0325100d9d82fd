"""Write the reference pages of docs/ from the code: `python docs/generate.py`, or `--check` them."""

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
sys.path.insert(0, str(HERE.resolve().parent))

from benchmarks import results  # noqa: E402
from benchmarks.results import Figure  # noqa: E402

INTRODUCTION = """\
# Configuration

One TOML file, `wellhead.toml` unless `-c` names another; `wellhead init` writes one to start from. Every key has a
default, so the file holds only what you decide. An unknown key, a wrong type or a number out of range stops the start
with one line that names the path and what was meant.

A value can also come from the environment, for secrets and deployment: `WELLHEAD__LISTEN__PORT=9000` is `port` in
`[listen]`, and stands over the file's. Items of a list are separated by commas there.

This page is generated from the structs of `wellhead.config`.
"""
COLUMNS = ["| key | type | default | meaning |", "|---|---|---|---|"]


def type_word(hint: object) -> str:
    """A type as people write it in TOML."""
    words = {str: "string", int: "integer", float: "number", bool: "true or false"}
    if hint in words:
        return words[typing.cast("type", hint)]
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{word}`" for word in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        if typing.get_args(hint)[1:] != (...,):
            return "two numbers" + range_word(getattr(item, "__metadata__", ()))
        return f"list of {type_word(item)}" + ("s" if item is str else "")
    return "table"


def range_word(metadata: tuple[object, ...]) -> str:
    """The range of a number, as a suffix of its type; empty for what has none that anybody meets."""
    found = [m for m in metadata if isinstance(m, msgspec.Meta)]
    low = next((f"over {m.gt:g}" for m in found if m.gt is not None), "")
    low = next((f"{m.ge:g}" for m in found if m.ge is not None), low)
    high = next((f"{m.le:,.0f}" if m.le > 1e5 else f"{m.le:g}" for m in found if m.le is not None and m.le < 2**53), "")
    return f", {low} to {high}" if high else f", {low} or more" if low else ""


UNSET = {config.Treatment: "that of a milder stance", config.Grade: "never"}
"""What holds where a key is not set."""


def default_word(value: object, unset: str = "that of the whole") -> str:
    """A default as it would stand in the file."""
    if value is msgspec.NODEFAULT:
        return "must be set"
    if value is None:
        return unset
    return f"`{msgspec.json.encode(value).decode()}`"


def without_none(hint: object) -> object:
    """`X` of `X | None`."""
    if typing.get_origin(hint) not in (types.UnionType, typing.Union):
        return hint
    return next(a for a in typing.get_args(hint) if a is not type(None))


def is_table_list(hint: object) -> bool:
    """True for a list of tables."""
    first = (*typing.get_args(hint), None)[0]
    return typing.get_origin(hint) is tuple and isinstance(first, type) and issubclass(first, msgspec.Struct)


def row(field: msgspec.structs.FieldInfo, hint: object, told: tuple[str, str]) -> str:
    """One key. told: what it means, and what holds where it is not set."""
    metadata = getattr(hint, "__metadata__", ())
    bare = without_none(typing.get_args(hint)[0] if metadata else hint)
    if getattr(bare, "__metadata__", ()):
        metadata, bare = (*metadata, *bare.__metadata__), typing.get_args(bare)[0]
    cells = (f"`{field.name}`", type_word(bare) + range_word(metadata), default_word(field.default, told[1]), told[0])
    return f"| {' | '.join(cells)} |"


def section(name: str, struct: type[msgspec.Struct]) -> list[str]:
    """One table of the file, then its sub-tables."""
    lines = ["", f"## [{name}]" if name else "## At the top", "", " ".join((inspect.getdoc(struct) or "").split()), ""]
    plain, annotated = typing.get_type_hints(struct), typing.get_type_hints(struct, include_extras=True)
    meanings = config.meanings(struct)
    rows, nested = [], []
    for field in msgspec.structs.fields(struct):
        inner = without_none(plain[field.name])
        place = f"{name}.{field.name}" if name else field.name
        if is_table_list(inner):
            nested += section(f"[{place}]", typing.get_args(inner)[0])
        elif typing.get_origin(inner) is dict:
            nested += section(f"{place}.NAME", typing.get_args(inner)[1])
        elif not (isinstance(inner, type) and issubclass(inner, msgspec.Struct)):
            told = (meanings[field.name], UNSET.get(struct, "that of the whole"))
            rows.append(row(field, annotated[field.name], told))
        elif inner is plain[field.name]:
            nested += section(place, inner)
        else:
            rows.append(f"| `{field.name}` | table | that of the whole | Keys as in [[{field.name}]](#{field.name}). |")
    return [*lines, *COLUMNS, *rows, *nested]


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


FIGURES = """\
# Figures

Every figure that something was promised of, with the last value that was committed. `make bench NAME=...` measures it
anew; what each benchmark plays is told in [Benchmarks](benchmarks.md).
"""


def measured() -> dict[str, list[Figure]]:
    """What was promised of each benchmark's figures; one that a benchmark only repeats stands where it was measured."""
    found = {}
    for path in sorted(results.RESULTS.glob("*.json"), key=lambda p: (p.stem == "inline", p.stem)):
        try:
            of = msgspec.json.decode(path.read_bytes(), type=list[Figure])
        except msgspec.ValidationError:  # details of a run, which are no figures
            continue
        said = [f for others in found.values() for f in others]
        kept = [f for f in of if f.figure in results.TARGETS and f not in said]
        found |= {path.stem: kept} if kept else {}
    return found


def figures() -> str:
    """docs/figures.md: every figure that something was promised of: missed, met, or not measured yet."""
    found = measured()
    known = {f.figure for of in found.values() for f in of}
    absent = [name for name in results.TARGETS if name not in known]
    missed = {name: [f"`{f.figure}`" for f in of if results.verdict(f) == "missed"] for name, of in found.items()}
    lines = [FIGURES, "**Missed**, by benchmark:" if any(missed.values()) else "None is missed.", ""]
    lines += [f"- {name}: {', '.join(dict.fromkeys(of))}" for name, of in sorted(missed.items()) if of]
    for name, of in sorted(found.items()):
        lines += ["", f"## {name}", "", "| figure | measured | promised | | beside |", "|---|--:|--:|---|---|"]
        lines += [figure_row(f) for f in of]
    if absent:
        lines += ["", "## Not measured", "", "Promised, and in no result that was committed:", ""]
        lines += [f"- `{name}`: {results.TARGETS[name]:,.6g}" for name in absent]
    return "\n".join(lines) + "\n"


def figure_row(f: Figure) -> str:
    """One figure beside its promise."""
    bound = f"{'at least' if f.better == 'higher' else 'at most'} {results.TARGETS[f.figure]:,.6g}"
    value = f"{f.value:,.4g}" if abs(f.value) < 1000 else f"{f.value:,.0f}"
    peer = f.peer.replace("|", "&#124;")
    return f"| `{f.figure}` | {value} {f.unit} | {bound} | **{results.verdict(f)}** | {peer} |"


ROOMS = {
    "extract": "Extraction: a copy of the model",
    "membership": "Membership: who was in the training set",
    "invert": "Inversion: what the classes look like",
}


def attacks() -> str:
    """docs/attacks.md: every attack of the zoo, as its own code tells it."""
    from wellhead.redteam.catalogue import zoo

    entries, absent = zoo()
    lines = [
        "# Attacks",
        "",
        "This page is generated from the attacks themselves. How to use them: [the red team](red-team.md).",
    ]
    for room, title in ROOMS.items():
        lines += ["", f"## {title}", "", "| attack | needs | queries | paper | ATLAS |", "|---|---|---|---|---|"]
        for e in entries:
            if e.room == room:
                told = (
                    f"`{e.name}`",
                    e.needs.replace("_", " "),
                    e.cost,
                    e.kind.paper,
                    ", ".join(e.kind.atlas),
                )
                lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in told)} |")
    return "\n".join([*lines, *(f"\n`{a.name}`: {a.reason}" for a in absent)]) + "\n"


def main() -> int:
    """Write the pages, or say which is stale."""
    import os

    os.environ["COLUMNS"] = "100"
    pages = {
        "configuration.md": configuration(),
        "commands.md": commands(),
        "figures.md": figures(),
        "attacks.md": attacks(),
    }
    stale = [name for name, text in pages.items() if not (HERE / name).exists() or (HERE / name).read_text() != text]
    if "--check" in sys.argv:
        print("\n".join(f"docs/{name} is stale: run `python docs/generate.py`" for name in stale), end="")
        return 1 if stale else 0
    for name, text in pages.items():
        (HERE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
