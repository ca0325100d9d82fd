"""Change a few keys of a TOML file and leave the rest, comments included, as it is; and say so as a patch."""

from __future__ import annotations

import copy
import difflib
import re
import tomllib
from collections.abc import Mapping
from typing import Any

Path = tuple[str, ...]
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def changed(text: str, section: Path, keys: Mapping[str, str]) -> str | None:
    """The text with these keys of a table set to TOML literals, in the file's own way of ending lines.

    What is not there is added; `()` is the top of the file. None where the file is written in a way that cannot be
    changed line by line, such as an inline table.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n").split("\n")
    last = lines.pop() if lines[-1] == "" else None
    first, stop, prefix = _place(lines, section)
    if first is None:
        gap = [""] if lines and lines[-1].strip() else []
        lines += [*gap, f"[{dotted(section)}]", *(f"{key} = {value}" for key, value in keys.items())]
    else:
        _set(lines, first, stop, {(*prefix, key): value for key, value in keys.items()})
    new = end.join([*lines, ""] if last is not None or first is None else lines)
    return new if _tree(new) == merged(tomllib.loads(text), section, keys) else None


def _place(lines: list[str], section: Path) -> tuple[int | None, int, Path]:
    """Lines in which the keys of a section stand, and what stands before each key; None where there are none yet."""
    headers = {_header(line): i for i, line in reversed([*enumerate(lines)]) if _header(line) is not None}
    stops = sorted(headers.values())
    for cut in range(len(section), -1, -1):
        head, prefix = section[:cut], section[cut:]
        first = headers.get(head, None if head else -1)
        if first is None:
            continue
        stop = next((i for i in stops if i > first), len(lines))
        if not prefix or any(_key(line)[: len(prefix)] == prefix for line in lines[first + 1 : stop]):
            return first + 1, stop, prefix
    return None, 0, ()


def _set(lines: list[str], first: int, stop: int, keys: dict[Path, str]) -> None:
    """Set keys between two lines; those that are not there go first."""
    i = first
    while i < stop:
        value = keys.pop(_key(lines[i]), None)
        if value is not None:
            long = _long(lines[i:stop])
            name = lines[i].partition("=")[0].rstrip()
            lines[i : i + long] = [f"{name} = {value}{_comment(lines[i + long - 1], long > 1)}"]
            stop -= long - 1
        i += 1
    gap = [""] if keys and first == 0 and _header((lines or [""])[0]) is not None else []
    lines[first:first] = [*(f"{dotted(path)} = {value}" for path, value in keys.items()), *gap]


def _long(lines: list[str]) -> int:
    """Lines that the value of the first one fills."""
    return next((n for n in range(1, len(lines) + 1) if _tree("\n".join(lines[:n])) is not None), 1)


def _comment(line: str, within: bool) -> str:
    """The comment at the end of a line with the blanks before it. within: the line ends a list that began before."""
    text = "x = [" + line if within else line
    for at in (found.start() for found in re.finditer(r"\s*#", text)):
        if _tree(text[:at]):
            return text[at:]
    return ""


def _tree(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _header(line: str) -> Path | None:
    """The table that a line opens, one of a list with a mark behind it; None for any other line."""
    tree = _tree(line) if line.lstrip().startswith("[") else None
    if tree is None:
        return None
    path = _down(tree)
    return (*path, "[]") if line.lstrip().startswith("[[") else path


def _key(line: str) -> Path:
    """The key that a line sets, empty where it sets none."""
    name, equals, _ = line.partition("=")
    tree = _tree(f"{name} = {{}}") if equals else None
    return _down(tree) if tree else ()


def _down(tree: dict[str, Any]) -> Path:
    path: Path = ()
    while isinstance(tree, dict) and tree:
        name, tree = next(iter(tree.items()))
        path += (name,)
    return path


def merged(tree: dict[str, Any], section: Path, keys: Mapping[str, str]) -> dict[str, Any]:
    """A copy of a parsed file in which the keys of a table have these TOML literals as values."""
    tree = copy.deepcopy(tree)
    table = tree
    for name in section:
        table = table.setdefault(name, {})
    table |= {key: tomllib.loads(f"x = {value}")["x"] for key, value in keys.items()}
    return tree


def patch(before: str, after: str, name: str) -> str:
    """A unified diff that the program `patch` takes, whatever ends the lines and the file; empty where they are equal.

    A tab after the name tells it that blanks belong to the name.
    """
    tab = "\t" if " " in name else ""
    rows = difflib.unified_diff(_lines(before), _lines(after), name, name, "", "", lineterm="\n")
    told = [
        row.rstrip("\n") + f"{tab}\n" if row[:4] in ("--- ", "+++ ") and i < 2 else row for i, row in enumerate(rows)
    ]
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in told)


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends one."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def dotted(path: Path) -> str:
    """A key or the name of a table as TOML."""
    return ".".join(name if _BARE.fullmatch(name) else literal(name) for name in path)


def literal(value: object) -> str:
    """A value of a parsed file as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dotted((key,))} = {literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else _escaped(c) for c in text) + '"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(char: str) -> str:
    return f"\\U{ord(char):08X}" if not 0xD800 <= ord(char) < 0xE000 else char
