"""In which order a suspect's classes stand: whoever may choose it afterwards can make any marks match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wellhead.core.errors import ConfigError
from wellhead.defend.own.commitment import Opening
from wellhead.redteam.oracle import Oracle

_REMEDY = "name the order in `wellhead own declare --suspect-classes`: it decides what matches"


def names_of(openings: Sequence[Opening]) -> tuple[str, ...]:
    """Our names of classes, as committed to: by them a suspect's answers are put in our order."""
    names = {o.terms.classes for o in openings}
    if len(names) != 1:
        raise ConfigError("expected marks of one order of classes in a test, got several", "declare a test for each")
    return names.pop()


def declared_order(wanted: tuple[str, ...], ours: tuple[str, ...]) -> tuple[str, ...]:
    """The suspects' order of our classes, empty where it is ours; raises ConfigError for other classes."""
    if sorted(wanted) != sorted(ours):
        named = ", ".join(ours)[:80] or "which have no names"
        raise ConfigError(f"expected our classes in another order, {named}; got others", "see model.classes")
    return () if wanted == ours else wanted


def check_order(oracle: Oracle, theirs: tuple[str, ...], due: tuple[str, ...]) -> None:
    """Raise ConfigError where the suspect's classes would be read in an order that nobody declared.

    theirs: as the suspect, or a config for it, names them.  due: as declared, or ours; empty where they have no names.
    """
    if due and theirs and theirs != due:
        said = ", ".join(theirs)[:80]
        raise ConfigError(f"expected the suspect's classes as {', '.join(due)[:80]}, got {said}", _REMEDY)
    # names in a config would turn the suspect's words into whatever places the config gives them
    spec: Any = getattr(oracle, "spec", None)
    if not due and spec is not None and spec.classes:
        raise ConfigError("expected no names of classes for the suspect, since ours have none; got some", "remove them")
