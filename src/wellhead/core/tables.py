"""Trees of plain values, as a TOML file gives them, against the Structs that they should become.

What is wrong is said in the words of the file: the path, what was expected, and what was probably meant.
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

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
        return get_args(below)[0] if isinstance(below, types.UnionType) else below
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


def _unknown(tree: Any, hint: Any, path: str = "$") -> Iterator[str]:
    """What is wrong with each key that the tree should not hold."""
    for i, item in enumerate(tree) if isinstance(tree, list) else ():
        yield from _unknown(item, _below(hint, ""), f"{path}[{i}]")
    known = _keys(hint)
    for key, value in tree.items() if isinstance(tree, dict) else ():
        below = _below(hint, key)
        if known is not None and key not in known:
            yield f"unknown key `{key}` at `{path}`, {_did_you_mean(key, known)}"
        elif below is not None:
            yield from _unknown(value, below, f"{path}.{key}")


def _explain(error: msgspec.ValidationError, kind: type[msgspec.Struct], tree: Any) -> ConfigError:
    """A type or range error in the words of the file."""
    text, _, path = str(error).partition(" - at ")
    wrong = re.fullmatch(r"Invalid enum value '(.*)'", text)
    if wrong is None:
        got = "" if ", got " in text else _got(tree, path)
        return ConfigError(f"{text[0].lower()}{text[1:]} at {path}{got}")
    hint: Any = kind
    for key in re.findall(r"\.(\w+)|\[", path):
        hint = _below(hint, key)
    words = get_args(hint)
    return ConfigError(
        f"expected one of {', '.join(words)} at {path}, got `{wrong[1]}`", _did_you_mean(wrong[1], words)
    )


def _got(tree: Any, path: str) -> str:
    """What stands at a path such as `$.rules[0].name`, in words; nothing where it is not one value."""
    for key, at in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        tree = tree.get(key) if isinstance(tree, dict) else tree[int(at)] if at and isinstance(tree, list) else None
    return f", got `{tree}`" if isinstance(tree, int | float) else ""


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
