"""The replication limit: how much of the model one principal, or a group of suspects, may draw."""

from __future__ import annotations

import msgspec

from wellhead.core.finding import Signal
from wellhead.core.words import drawn
from wellhead.meter.reading import Reading


class Replication(msgspec.Struct, frozen=True):
    """Speaks when what was drawn reaches a limit: damage, whoever did it and why.

    max_drawn, max_drawn_group: share (0..1) of the way from guessing to the attainable clone.
    """

    max_drawn: float = 0.8
    max_drawn_group: float = 0.8

    def judge(self, reading: Reading, members: tuple[str, ...], reason: str = "") -> Signal | None:
        """A Signal when the reading of these principals' summed ledger reaches the limit.

        members: one principal, or a group from `wellhead.detect.groups`; any other sum is for watching only.
        value, threshold of the signal: drawn.
        """
        limit = self.max_drawn if len(members) == 1 else self.max_drawn_group
        if not members or not reading.drawn >= limit:
            return None
        alone = len(members) == 1
        return Signal(
            name="replication",
            principal=members[0] if alone else "",
            n=reading.rows,
            value=reading.drawn,
            threshold=limit,
            strength=reading.drawn,
            detail=_detail(reading, members, reason),
            members=() if alone else members,
            atlas=("AML.T0024.002",),
        )


def _detail(reading: Reading, members: tuple[str, ...], reason: str) -> str:
    who = "this principal" if len(members) == 1 else f"{len(members)} principals"
    shared = f" ({reason})" if reason else ""
    return (
        f"with the {reading.rows} answers given to {who}{shared}, a clone reproduces "
        f"{drawn(reading.replication, reading.attainable, reading.at_least)}"
    )
