"""Trees of plain values, as a TOML file gives them, against the Structs that they should become.

What is wrong is said in the words of the file: the path, what was expected, and what was probably meant.
"""

from __future__ import annotations

import difflib
import json
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from wellhead.core.errors import ConfigError

S = TypeVar("S", bound=msgspec.Struct)


def meanings(section: type[msgspec.Struct]) -> dict[str, str]:
    """What each key of a section means; empty for keys that are tables."""
    hints = get_type_hints(section, include_extras=True).items()
    return {key: "".join(m for m in getattr(hint, "__metadata__", ()) if isinstance(m, str)) for key, hint in hints}


def convert(tree: dict[str, Any], kind: type[S]) -> S:
    """The Struct in a tree; raises ConfigError for unknown keys, types and ranges."""
    unknown = list(_unknown(tree, kind))
    if unknown:
        raise ConfigError("; ".join(unknown))
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as e:
        raise _explain(e, kind, tree) from e


def overlay(tree: dict[str, Any], kind: type[msgspec.Struct], environ: Mapping[str, str], prefix: str) -> None:
    """Put PREFIX__SECTION__KEY values of the environment over the tree's; lists are split at commas.

    Raises ConfigError naming the variable.
    """
    for name, text in environ.items():
        if name.startswith(prefix):
            table, key, hint = _place(tree, kind, name, prefix)
            value = [part.strip() for part in text.split(",") if part.strip()] if get_origin(hint) is tuple else text
            try:
                # only here may text become a number: in the file a quoted number is a mistake
                table[key] = msgspec.to_builtins(msgspec.convert(value, hint, strict=False))
            except msgspec.ValidationError as e:
                raise ConfigError(f"{name}: {str(e)[0].lower()}{str(e)[1:]}") from e


def _below(hint: Any, key: str) -> Any:
    """The type of a key in a table, or of an item in a list; None where there is no such key."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        below = get_type_hints(hint).get(key)
        return get_args(below)[0] if get_origin(below) in (types.UnionType, Union) else below
    arguments = get_args(hint)
    return arguments[get_origin(hint) is dict] if get_origin(hint) in (dict, tuple) else None


def _did_you_mean(word: str, known: Sequence[str], otherwise: str = "known: ") -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise and otherwise + ", ".join(known)


def _keys(hint: Any) -> tuple[str, ...] | None:
    """The keys that a table may hold; None where any will do."""
    words = get_args(hint)[0] if get_origin(hint) is dict else None
    named: tuple[str, ...] | None = get_args(words) if get_origin(words) is Literal else None
    return getattr(hint, "__struct_fields__", named)


def _unknown(tree: Any, hint: Any, path: str = "") -> Iterator[str]:
    """What is wrong with each key that the tree should not hold."""
    for i, item in enumerate(tree) if isinstance(tree, list) else ():
        yield from _unknown(item, _below(hint, ""), f"{path}[{i}]")
    known = _keys(hint)
    for key, value in tree.items() if isinstance(tree, dict) else ():
        below = _below(hint, key)
        if known is not None and key not in known:
            yield f"unknown key `{key}` at {_said(path)}, {_did_you_mean(key, known)}"
        elif below is not None:
            yield from _unknown(value, below, _joined(path, key))


def _explain(error: msgspec.ValidationError, kind: type[msgspec.Struct], tree: Any) -> ConfigError:
    """A type or range error in the words of the file."""
    text, _, path = str(error).partition(" - at ")
    place, hint, value = _walked(path, kind, tree)
    wrong = re.fullmatch(r"Invalid enum value '(.*)'", text)
    if wrong is None:
        got = f", got `{value}`" if isinstance(value, int | float) and ", got " not in text else ""
        return ConfigError(f"{text[0].lower()}{text[1:]} at {_said(place)}{got}")
    words = get_args(hint)
    return ConfigError(
        f"expected one of {', '.join(words)} at {_said(place)}, got `{wrong[1]}`", _did_you_mean(wrong[1], words)
    )


def _walked(path: str, hint: Any, tree: Any) -> tuple[str, Any, Any]:
    """What a path such as `$.plans[...].limits` leads to: it in the file's words, its type, and what stands there.

    Of a table that may hold any key the path does not say which: it is the first that is wrong.
    """
    place = ""
    for name, at in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", path):
        if at.isdigit():
            place, hint = f"{place}[{at}]", _below(hint, "")
            tree = tree[int(at)] if isinstance(tree, list) else None
            continue
        key = name or next((k for k, v in tree.items() if not _fits(v, _below(hint, k))), "...")
        place, hint = _joined(place, key), _below(hint, key)
        tree = tree.get(key) if isinstance(tree, dict) else None
    return place, hint, tree


def _fits(value: Any, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def _joined(path: str, key: str) -> str:
    """The path of a key in a table, as TOML writes it."""
    bare = key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key)
    return f"{path}.{bare}" if path else bare


def _said(path: str) -> str:
    return f"`{path}`" if path else "the top of the file"


def _place(tree: dict[str, Any], kind: type[msgspec.Struct], name: str, prefix: str) -> tuple[dict[str, Any], str, Any]:
    """The table of the tree, the key and its type that a variable such as PREFIX__LISTEN__PORT stands for."""
    *sections, key = name.removeprefix(prefix).lower().split("__")
    hint: Any = kind
    for section in (*sections, key):
        known = getattr(hint, "__struct_fields__", ())
        hint = _below(hint, section)
        if hint is None:
            raise ConfigError(f"{name}: unknown key `{section}`", _did_you_mean(section, known) if known else "")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{name}: expected a table `{section}` in the file, got `{type(tree).__name__}`")
    return tree, key, hint
