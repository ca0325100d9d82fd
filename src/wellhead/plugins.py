"""Find a component by name: only the one that is asked for is imported."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, requires
from typing import Any

from wellhead.core.errors import ConfigError, MissingExtra

_WORDS = {
    "defences": "defence",
    "protocols": "protocol",
    "signals": "signal",
    "attacks": "attack",
    "learners": "learner",
}
_EXTRA = re.compile(r"""^([A-Za-z0-9._-]+).*;.*extra == ['"]([\w.-]+)['"]""")
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "jwt": "pyjwt"}
"""Modules whose package has another name."""


def names(group: str) -> tuple[str, ...]:
    """The components of a group such as `protocols`, sorted; nothing is imported."""
    return tuple(sorted(e.name for e in _installed(group, entry_points)))


@functools.cache
def _installed(group: str, read: Callable[..., Iterable[EntryPoint]]) -> tuple[EntryPoint, ...]:
    """The entry points of a group, read from disk once a process."""
    return tuple(read(group=f"wellhead.{group}"))


def find(group: str, name: str) -> Any:
    """The component that a name stands for.

    group: `protocols`, `defences`, `signals`, `attacks` or `learners`. Raises ConfigError for an unknown or
    ambiguous name, MissingExtra where its packages are not installed.
    """
    word = _WORDS.get(group, group)
    found = {e.value: e for e in _installed(group, entry_points) if e.name == name}
    if len(found) > 1:
        raise ConfigError(f"expected one {word} {name!r}, got {', '.join(found)}", "uninstall all but one of them")
    if not found:
        known = names(group)
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known) or 'none'}"
        article = "an" if word[0] in "aeiou" else "a"
        raise ConfigError(f"expected the name of {article} {word}, got {name[:60]!r}", meant)
    entry = next(iter(found.values()))
    try:
        return entry.load()
    except ModuleNotFoundError as e:
        raise _missing(word, entry, e) from e


def _missing(word: str, entry: EntryPoint, error: ModuleNotFoundError) -> Exception:
    """MissingExtra that names the package and the command; a module of the component's own is a plain fault."""
    module = (error.name or "").partition(".")[0]
    if not module or module == entry.module.partition(".")[0]:
        return ConfigError(f"expected {entry.value} for {word} {entry.name!r}, got: {error}", "reinstall its package")
    package = _DISTRIBUTIONS.get(module, module)
    owner = entry.dist.name if entry.dist else "wellhead"
    extra = extra_of(package, owner)
    wanted = f"{owner}[{extra}]" if extra else package
    return MissingExtra(f"{word} {entry.name!r} needs {package!r}", f"try: pip install '{wanted}'")


def extra_of(package: str, owner: str = "wellhead") -> str:
    """The extra of `owner` that brings a package, empty where none does."""
    try:
        lines = requires(owner) or []
    except PackageNotFoundError:
        return ""
    found = (_EXTRA.match(line) for line in lines)
    matches = [m[2] for m in found if m and _canonical(m[1]) == _canonical(package)]
    return matches[0] if matches else ""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
