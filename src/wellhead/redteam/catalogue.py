"""Which attacks there are, which of them fit a target, and in which order they are run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from wellhead.core.errors import ConfigError, MissingExtra, Unsuited
from wellhead.core.exposure import Exposure
from wellhead.plugins import find, names
from wellhead.redteam.attack import Attack
from wellhead.redteam.harness import Harness
from wellhead.redteam.known import Known
from wellhead.redteam.tap import Heap, Tapped

ROOMS = ("extract", "membership", "invert")
NO_SETTINGS: dict[str, int] = {}
_EXACT = ("equation", "relu", "paths", "lowd_meek")


class Entry(NamedTuple):
    """One attack of the zoo. kind: its class.  room: `extract`, `membership` or `invert`."""

    name: str
    kind: Any
    room: str

    @property
    def exact(self) -> bool:
        """It recovers the model itself, or nothing."""
        return bool(getattr(self.kind, "exact", self.name in _EXACT))

    @property
    def needs(self) -> str:
        """The least that answers must give away."""
        least = getattr(self.kind, "needs", None)
        return least.name.lower() if isinstance(least, Exposure) else "as the attack inside"

    @property
    def cost(self) -> str:
        """The sentence of its docstring that tells what it costs."""
        text = " ".join((self.kind.__doc__ or "").split())
        at = max(text.find("Cost"), text.find("cost:"))
        return text[at:].split(". ")[0].rstrip(".") if at >= 0 else ""


class Absent(NamedTuple):
    """An attack that cannot be loaded, and why."""

    name: str
    reason: str


def room_of(kind: Any) -> str:
    """The room that an attack's module stands in; plug-ins' are extraction unless they say otherwise."""
    declared = getattr(kind, "room", "")
    return declared or next((room for room in (*ROOMS, "wrap") if f".{room}." in f".{kind.__module__}."), "extract")


def zoo(wanted: Sequence[str] = (), rooms: Iterable[str] = ROOMS) -> tuple[list[Entry], list[Absent]]:
    """The attacks of these names, or all of these rooms; exact ones first. Raises ConfigError for an unknown name."""
    entries, absent = [], []
    for name in wanted or names("attacks"):
        try:
            kind = find("attacks", name)
        except (MissingExtra, ConfigError, AttributeError) as e:
            # A broken plug-in shall not end a study that did not ask for it.
            if wanted and not isinstance(e, MissingExtra):
                raise ConfigError(f"expected the attack {name!r}, got: {e}") from e
            absent.append(Absent(name, str(e)))
            continue
        room = room_of(kind)
        if wanted or room in rooms:
            entries.append(Entry(name, kind, "extract" if room == "wrap" else room))
    order = {room: i for i, room in enumerate(ROOMS)}
    return sorted(entries, key=lambda e: (order[e.room], not e.exact)), absent


def suited(
    entry: Entry, known: Known, harness: Harness, heaps: Sequence[Heap], settings: dict[str, int] = NO_SETTINGS
) -> Attack | str:
    """The attack as configured for the target, in its harness, or the reason why it does not fit.

    heaps: overhear what the attack itself is told.  settings: of those fields that it has.
    """
    try:
        attack: Attack = entry.kind.suit(harness.less(known))
        own = {name: value for name, value in settings.items() if hasattr(attack, name)}
        attack = msgspec.structs.replace(attack, **own) if own else attack  # type: ignore[type-var]
        return harness.around(cast(Attack, Tapped(attack, *heaps)), known)
    except (Unsuited, MissingExtra) as e:
        return str(e)
    except Exception as e:  # a plug-in's fault must not cost the answers of all others
        return f"cannot be configured: {type(e).__name__}: {e}"
