"""Change a few keys of a TOML file and leave the rest, comments included, as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

_HEADER = re.compile(r"\s*\[+\s*(.*?)\s*\]+\s*(#.*)?")


def changed(text: str, section: str, keys: Mapping[str, str]) -> str:
    """The text with these keys of `[section]` set to TOML literals; what is not there is added.

    A value that fills several lines is not understood: what comes out no longer parses, or says the same as before.
    """
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if _name(line) == section), None)
    if start is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, f"[{section}]", *(f"{k} = {v}" for k, v in keys.items())]) + "\n"
    end = next((i for i in range(start + 1, len(lines)) if _name(lines[i]) is not None), len(lines))
    left = dict(keys)
    for i in range(start + 1, end):
        key = lines[i].partition("=")[0].strip()
        if key in left:
            lines[i] = f"{key} = {left.pop(key)}"
    lines[start + 1 : start + 1] = [f"{k} = {v}" for k, v in left.items()]
    return "\n".join(lines) + "\n"


def _name(line: str) -> str | None:
    """The table that a line opens, None for any other line."""
    found = _HEADER.fullmatch(line)
    return found[1] if found and line.strip().startswith("[") and "=" not in line else None


def literal(value: str | int | float | tuple[str, ...]) -> str:
    """A value as TOML."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
