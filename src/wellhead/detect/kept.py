"""Does the promise hold? Realised alarms against promised ones, by a bet that may be looked at after every principal.

Whoever bets at fair odds that alarms come oftener than promised multiplies the money by more than 1/risk with a
probability of at most `risk`, however often one looks (Ville 1939). Principals count in the order in which they
started, open ones as not alarmed: that only lowers the money, so a breach is said in time and not too early.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from wellhead.core.words import count

RISK = 0.05
"""Probability that a promise that is kept is ever called broken."""
_TIMES = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Bets that the rate is so many times what was promised, with an equal share of the money on each."""


class Tally(NamedTuple):
    """Principal-periods of one segment since the promise was made, and those of them that alarmed.

    Without those that a review found to be theft, which are no honest principals.
    """

    started: int = 0
    alarms: int = 0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Where one promise stands.

    principals: principal-periods.  promised: alarms expected at most.  worst: the segment with the most money, empty
    without one.  money: what a stake of 1 has become; broken where it reaches 1 / RISK.
    """

    principals: int
    alarms: int
    promised: float
    money: float
    worst: str = ""

    @property
    def broken(self) -> bool:
        """True where honest principals alarm more often than promised, or alarms wait for a review."""
        return self.money >= 1.0 / RISK

    def __str__(self) -> str:
        most = f"{self.promised:.1f}" if self.promised >= 1 else f"{self.promised:.1g}"
        said = (
            f"{count(self.alarms, 'alarm')} among {count(self.principals, 'principal-period')}, at most {most} promised"
        )
        if not self.broken:
            return said
        return (
            f"{said}: the promise is broken, most of all in `{self.worst}`; close alarms that were theft as such, "
            "or calibrate again"
        )


def kept(tallies: Mapping[str, Tally], alphas: Mapping[str, float]) -> Kept:
    """Realised alarms against promised, of all segments that a promise was made to.

    alphas: the rate promised to each segment, 0 where none is: those do not count.
    """
    counted = {s: t for s, t in tallies.items() if alphas.get(s, 0.0) > 0.0 and t.started}
    money = {s: stake(t.started, t.alarms, alphas[s]) for s, t in counted.items()}
    worst = max(money, key=lambda s: money[s], default="")
    return Kept(
        principals=sum(t.started for t in counted.values()),
        alarms=sum(t.alarms for t in counted.values()),
        promised=sum(t.started * alphas[s] for s, t in counted.items()),
        # the mean of tests is a test, however the segments depend on each other
        money=sum(money.values()) / len(money) if money else 1.0,
        worst=worst,
    )


def stake(started: int, alarms: int, alpha: float) -> float:
    """What 1 has become: mean over rates r > alpha of (r/alpha)^alarms ((1-r)/(1-alpha))^rest."""
    rates = [alpha * times for times in _TIMES if alpha * times < 1.0] or [(1.0 + alpha) / 2.0]
    rest = max(started - alarms, 0)
    logs = [alarms * math.log(r / alpha) + rest * math.log((1.0 - r) / (1.0 - alpha)) for r in rates]
    return math.fsum(math.exp(min(x, 700.0)) for x in logs) / len(logs)
