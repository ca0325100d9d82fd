"""What every detector promises."""

from __future__ import annotations

from typing import ClassVar, Protocol

from wellhead.core.arrays import Array
from wellhead.meter.view import Views

KINDS = ("volume", "novelty", "inputs", "answers", "timing", "access", "account", "damage")
"""Families of evidence; what two kinds say is taken for independent, two detectors of one kind for one voice."""


class Detector(Protocol):
    """One number a principal, read from the sketches; it folds no events itself, and its configuration is frozen.

    name: unique, a word or two with underscores.  kind: one of KINDS.  unit: of the number, for people.
    sides: +1 where a high value is suspicious, -1 where a low one is, both where both are.
    high, low: what a suspicious value says, as a plain clause with `{value}` in it; empty where that side says nothing.
    honest: who else does so, and is no attacker.  atlas: techniques.

    What it says is evidence: never by itself an accusation or an action.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    unit: ClassVar[str]
    sides: ClassVar[tuple[int, ...]]
    high: ClassVar[str]
    low: ClassVar[str]
    honest: ClassVar[str]
    atlas: ClassVar[tuple[str, ...]]

    def read(self, views: Views) -> Array:
        """(u,) float64, one number a principal; NaN where nothing can be said. Pure, vectorised, order-free."""
        ...
