"""Which attacks there are, which of them fit a target, and in which order they are run."""

from __future__ import annotations

import inspect
import re
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
_TOLD = (
    r"\bcosts?\b.*\b(quer|question)",
    r"(\babout|\bone|`|\bat most|\btakes) .*\bquer(y|ies)\b",
    r"\+ \d+ queries\b",
    r"\basks every\b",
)
"""How a sentence on cost reads, the surest first."""
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
        """The sentence of its docstring, or of its base's, that says how many queries it takes; empty for none."""
        texts = (" ".join(inspect.cleandoc(base.__doc__ or "").split()) for base in self.kind.__mro__)
        sentences = [s for text in texts for s in re.split(r"(?<=[.;]) +", text)]
        told = (s for pattern in _TOLD for s in sentences if re.search(pattern, s, re.IGNORECASE))
        found = next(told, "").rstrip(".;")
        found = found or ("as many queries as it is given" if "may be asked" in " ".join(sentences) else "")
        return found[:1].upper() + found[1:]


class Absent(NamedTuple):
    """An attack that cannot be loaded, and why."""

    name: str
    reason: str


def room_of(kind: Any) -> str:
    """The room that an attack's module stands in; plug-ins' are extraction unless they say otherwise."""
    declared = getattr(kind, "room", "")
    return declared or next((room for room in (*ROOMS, "wrap") if f".{room}." in f".{kind.__module__}."), "extract")


def zoo(wanted: Sequence[str] = (), rooms: Iterable[str] = ROOMS) -> tuple[list[Entry], list[Absent]]:
    """The attacks of these names, and all of those of these rooms in which none is named; exact ones first.

    Cloning is what every study does unless something is named: `extract` is then no room of its own.
    Raises ConfigError for an unknown name.
    """
    entries, absent = _loaded(wanted, (), True) if wanted else ([], [])
    done = {"extract", *(entry.room for entry in entries)} if wanted else set()
    if others := set(rooms) - done:
        more, lacking = _loaded(names("attacks"), others, False)
        entries, absent = entries + more, absent + ([] if wanted else lacking)
    order = {room: i for i, room in enumerate(ROOMS)}
    return sorted(entries, key=lambda e: (order[e.room], not e.exact)), absent


def _loaded(wanted: Iterable[str], rooms: Iterable[str], named: bool) -> tuple[list[Entry], list[Absent]]:
    """The attacks of these names that stand in these rooms, or in any where they were named."""
    entries, absent = [], []
    for name in wanted:
        try:
            kind = find("attacks", name)
        except (MissingExtra, ConfigError, AttributeError) as e:
            # A broken plug-in shall not end a study that did not ask for it.
            if named and not isinstance(e, MissingExtra):
                raise ConfigError(f"expected the attack {name!r}, got: {e}") from e
            absent.append(Absent(name, str(e)))
            continue
        room = room_of(kind)
        if named or room in rooms:
            entries.append(Entry(name, kind, "extract" if room == "wrap" else room))
    return entries, absent


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
