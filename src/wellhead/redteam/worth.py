"""What a clone costs under each policy, read from the measured curves: never beyond what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wellhead.core.errors import ConfigError
from wellhead.redteam.cost import Need, bill, need
from wellhead.redteam.outcome import Mark, Prices
from wellhead.redteam.validation import Point, Taken, Tried


class Worth(NamedTuple):
    """The cheapest way to a fidelity through one policy. need: rows, None where no thief got there.

    thief: whose it is, empty where nobody got there.  accounts: that it used.
    """

    need: Need
    thief: str
    accounts: int


class Rows(NamedTuple):
    """Rows to a fidelity through one policy, between two measured points of the thieves.

    number: so many were not enough for any thief, 0 where the smallest budget that one measured may have been.
    enough: so many may be, by the upper end of the 95 % interval of any thief; None where nobody got there.
    """

    policy: str
    number: int
    enough: int | None = None

    @property
    def least(self) -> bool:
        """True where no thief got there: it takes at least so many."""
        return self.enough is None

    @property
    def most(self) -> bool:
        """True where a thief's smallest budget may have been enough: it takes at most so many, perhaps far fewer."""
        return self.number == 0

    @property
    def words(self) -> str:
        """As people read it."""
        if self.enough is None:
            return f"at least {self.number:,}"
        return f"at most {self.enough:,}" if self.most else f"{self.number:,} to {self.enough:,}"


def rows_to(tried: Tried, fidelity: float) -> Rows:
    """Rows to that fidelity through this policy, over all its thieves; raises ConfigError where none got an answer."""
    told = [_between(t.curve, fidelity) for t in tried.takings if t.curve]
    if not told:
        raise ConfigError(f"expected a clone through {tried.policy}, got none", "run `wellhead validate` again")
    enough = min((some for _, some in told if some is not None), default=None)
    return Rows(tried.policy, min(few for few, _ in told), enough)


def _between(curve: Sequence[Point], fidelity: float) -> tuple[int, int | None]:
    """The most rows before any upper end reaches the fidelity, and the rows where one first does."""
    few = 0
    for point in sorted(curve, key=lambda p: (p.rows, -p.high)):
        if point.high >= fidelity:
            return few, point.rows
        few = point.rows
    return few, None


def needed(curve: Sequence[Point], goal: float) -> Need:
    """Rows that this curve says a clone of that fidelity takes."""
    return need([Mark(rows=p.rows, fidelity=p.fidelity, low=p.low, high=p.high) for p in curve], goal)


def cheapest(tried: Tried, goal: float, prices: Prices) -> Worth | None:
    """The thief to whom a clone of fidelity `goal` cost least, of equals the first; None where none got an answer.

    Where none got there: the fewest rows after which one had not, and the fewest at which the interval allows it.
    """
    told = [(needed(t.curve, goal), t) for t in tried.takings if t.curve]
    if not told:
        return None
    there = [(n, t) for n, t in told if n.rows is not None]
    if not there:
        soonest = min((n.soonest for n, _ in told if n.soonest), default=None)
        return Worth(Need(goal, None, soonest, None, min(n.asked for n, _ in told)), "", 1)
    found, taken = min(there, key=lambda pair: (spent(pair[0].rows or 0, pair[1], prices), pair[0].rows or 0))
    return Worth(found, taken.thief, taken.accounts)


def spent(rows: int, taken: Taken, prices: Prices) -> float:
    """Money for so many rows and the accounts of this thief, in the currency of the prices."""
    return bill(rows, prices, taken.accounts).total


def most_at(tried: Tried, inputs: int) -> Point | None:
    """The best clone from at most so many inputs, over all thieves; None where none was measured."""
    points = [p for t in tried.takings for p in t.curve if p.inputs <= inputs]
    return max(points, key=lambda p: p.fidelity, default=None)


def envelope(tried: Tried) -> list[Point]:
    """At each measured number of inputs the best clone from that many or fewer, over all thieves."""
    sizes = sorted({p.inputs for t in tried.takings for p in t.curve})
    best = [most_at(tried, n) for n in sizes]
    return [
        Point(inputs=n, rows=p.rows, fidelity=p.fidelity, low=p.low, high=p.high, spread=p.spread)
        for n, p in zip(sizes, best, strict=True)
        if p is not None
    ]
