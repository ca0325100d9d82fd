"""Lists of defences as the config writes them: where each stands, and two lists in force at once."""

from __future__ import annotations

import heapq

from wellhead.core.errors import ConfigError
from wellhead.defend.guarantees import Defence, Stage
from wellhead.defend.rounding import Rounding
from wellhead.defend.spec import parse

_STANDING = {"key": bytes(32), "codebook": object(), "marking": object()}
"""For what no operator can write: where a defence stands does not depend on it."""


def stage_of(text: str) -> Stage:
    """Where a defence stands; one that cannot be read is judged by others, and taken for a perturbation."""
    found = _read(text)
    return found.stage if found else Stage.PERTURB


def both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Both lists in force: stage by stage, the first list's before the second's, equal texts once.

    Where both round, the coarser rounding stays. Each list keeps its own order, also a wrong one, which others find.
    """
    added = [text for text in second if text not in first]
    merged = tuple(heapq.merge(first, added, key=stage_of))
    rounds = {text: found.decimals for text in merged if isinstance(found := _read(text), Rounding)}
    if not (rounds.keys() & {*first} and rounds.keys() & {*added}):
        return merged
    coarsest = min(rounds, key=rounds.__getitem__)
    return tuple(text for text in merged if text == coarsest or text not in rounds)


def _read(text: str) -> Defence | None:
    try:
        return parse(text, _STANDING)
    except ConfigError:
        return None
