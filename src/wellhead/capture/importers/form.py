"""The form of a line: what people are shown of one that cannot be read, for it may hold a credential anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Set

SHOWN = 120
_READ = 1 << 12
_PARSED = 1 << 16
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[^"]+|"')
_NAME = re.compile(r"[@:$]?[A-Za-z][A-Za-z_.-]{0,17}")
"""Keys are shown where they look like a name, and are shorter than any kind of credential that is known."""
_LITERAL = re.compile(r"\b(?:true|false|null)\b")
_LONG = re.compile(r"x{9,}|0{21,}")


def form_of(line: bytes, known: Set[str] = frozenset()) -> str:
    """A line with `x` for each letter of its values, `0` for each digit; SHOWN characters at most.

    known: keys that are shown in any line; other names of keys only where the line is JSON, for else none can be told
    from a value.
    """
    text = line[:_READ].decode("utf-8", "replace")
    whole = _is_json(line)
    parts = []
    for found in _TOKEN.finditer(text):
        inner, colon = found[1], found[2]
        if inner is None:
            parts.append(_plain(found[0], whole))
        elif colon is not None and (inner in known or (whole and _NAME.fullmatch(inner))):
            parts.append(found[0])
        else:
            parts.append(f'"{_masked(inner)}"{colon or ""}')
    return "".join(parts).strip()[:SHOWN]


def _is_json(line: bytes) -> bool:
    if len(line) > _PARSED:
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _plain(text: str, whole: bool) -> str:
    """What stands between strings."""
    if not whole:
        return _masked(text)
    return "".join(p if _LITERAL.fullmatch(p) else _masked(p) for p in re.split(rf"({_LITERAL.pattern})", text))


def _masked(text: str) -> str:
    plain = "".join("0" if c.isdigit() else "x" if c.isalnum() else c for c in text)
    return _LONG.sub(lambda run: run[0][:8] + "…", plain)
