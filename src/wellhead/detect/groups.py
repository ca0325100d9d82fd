"""Which ledgers may be summed and judged together.

The union of thirty honest customers clones a model and is no crime: so a sum counts against its members only where each
of them has a rule hit of its own, and at least three share an attribute. Any other sum is for watching only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from wellhead.meter.sketch import Attribute, View

SHARE = ("organisation", "network", "agent", "created_day")
"""What ties principals unless the config says otherwise."""
LEAST_MEMBERS = 3
LEAST_ROWS = 32


class Group(msgspec.Struct, frozen=True):
    """Principals whose ledgers are summed. members: sorted.  shared: every (attribute, value) that ties just them."""

    members: tuple[str, ...]
    shared: tuple[Attribute, ...]

    @property
    def reason(self) -> str:
        """What they have in common, in words."""
        return "shared " + ", ".join(f"{attribute} {value[:10]}" for attribute, value in self.shared)


class Groups:
    """An index from attribute values to the principals with a rule hit; a hit costs a few set operations.

    share: the attributes that tie principals together.
    """

    def __init__(self, share: Sequence[str] = SHARE) -> None:
        self.share = frozenset(share)
        self._members: dict[Attribute, set[str]] = {}
        self._pairs: dict[str, frozenset[Attribute]] = {}
        self._sorted: dict[Attribute, tuple[str, ...]] = {}

    def add(self, name: str, attributes: Iterable[Attribute]) -> None:
        """A principal has a rule hit of its own at LEAST_ROWS rows or more; the caller has checked."""
        pairs = frozenset(p for p in attributes if p[0] in self.share and p[1])
        for pair in pairs - self._pairs.get(name, frozenset()):
            self._members.setdefault(pair, set()).add(name)
            self._sorted.pop(pair, None)
        self._pairs[name] = self._pairs.get(name, frozenset()) | pairs

    def remove(self, name: str) -> None:
        """A principal no longer counts: allowed by the operator, or its evidence has expired."""
        for pair in self._pairs.pop(name, frozenset()):
            self._members[pair].discard(name)
            self._sorted.pop(pair, None)
            if not self._members[pair]:
                del self._members[pair]

    def of(self, names: Iterable[str]) -> list[Group]:
        """The groups that any of these principals belongs to; identical member sets are one group."""
        pairs = {pair for name in names for pair in self._pairs.get(name, ())}
        shared: dict[tuple[str, ...], list[Attribute]] = {}
        for pair in sorted(pairs):
            if len(self._members[pair]) >= LEAST_MEMBERS:
                shared.setdefault(self._sharing(pair), []).append(pair)
        return [Group(members, tuple(ties)) for members, ties in shared.items()]

    def _sharing(self, pair: Attribute) -> tuple[str, ...]:
        """The members of one value, sorted once and kept: a value that thousands share is asked for at every batch."""
        members = self._sorted.get(pair)
        if members is None:
            members = self._sorted[pair] = tuple(sorted(self._members[pair]))
        return members


def sums(views: Iterable[View], share: Sequence[str] = SHARE) -> list[Group]:
    """The groups among principals that have a rule hit; those below LEAST_ROWS rows are left out."""
    groups = Groups(share)
    names = []
    for view in views:
        if view.rows >= LEAST_ROWS:
            groups.add(view.principal, view.attributes)
            names.append(view.principal)
    return groups.of(names)
