"""What stealing costs: queries, money, time and accounts, from what a study measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from wellhead.redteam.outcome import Mark, Prices

GOALS = (0.90, 0.95, 0.99)
DAY_S, WEEK_S = 86_400.0, 604_800.0
_MOST_ROWS = 2**53


class Need(NamedTuple):
    """Rows until a clone is as good as `goal`.

    rows: the smallest measured budget from which fidelity stays at the goal; None where it was not reached.
    soonest, surely: the same for the upper and the lower end of the 95 % interval.  asked: the largest budget measured,
    0 where none was.
    """

    goal: float
    rows: int | None
    soonest: int | None
    surely: int | None
    asked: int


class Bill(NamedTuple):
    """Money for a clone, by what it goes to, in the currency of the prices."""

    queries: float
    accounts: float
    compute: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.queries + self.accounts + self.compute


def need(marks: Sequence[Mark], goal: float) -> Need:
    """Rows that these marks say a clone of this fidelity takes."""
    asked = max((m.rows for m in marks), default=0)
    ends = [_stays([(m.rows, value(m)) for m in marks], goal) for value in (_middle, _high, _low)]
    return Need(goal, ends[0], ends[1], ends[2], asked)


def _middle(mark: Mark) -> float:
    return mark.fidelity


def _high(mark: Mark) -> float:
    return mark.high


def _low(mark: Mark) -> float:
    return mark.low


def _stays(curve: list[tuple[int, float]], goal: float) -> int | None:
    """The first rows from which no value is below the goal; a value that is no number is below."""
    reached = None
    for rows, value in sorted(curve, reverse=True):
        if not value >= goal:
            break
        reached = rows
    return reached


def queries(rows: int, prices: Prices) -> float:
    """Money for so many rows, in requests as large as `rows_per_call` allows."""
    return rows * prices.row + math.ceil(rows / max(prices.rows_per_call, 1)) * prices.call


def million(prices: Prices) -> float:
    """Money for one million queries."""
    return queries(1_000_000, prices)


def bill(rows: int, prices: Prices, accounts: int | None = None) -> Bill:
    """Money for a clone of so many rows. accounts: those of the prices where not given."""
    number = prices.accounts if accounts is None else accounts
    return Bill(queries(rows, prices), number * prices.account, prices.compute)


def seconds(rows: int, rows_per_s: float, accounts: int = 1) -> float:
    """Time for so many rows, each account at its limit; 0 where nothing limits them."""
    return rows / (rows_per_s * max(accounts, 1)) if rows_per_s > 0 else 0.0


def accounts_within(rows: int, rows_per_s: float, limit_s: float) -> int:
    """The fewest accounts that ask so many rows within so many seconds; 1 where nothing limits them."""
    if rows_per_s <= 0 or rows <= 0:
        return 1
    least = math.ceil(rows / (rows_per_s * limit_s))
    # A quotient such as 3.0000000000000004 stands for 3 accounts.
    return max(least - 1 if least > 1 and seconds(rows, rows_per_s, least - 1) <= limit_s else least, 1)


def break_even(prices: Prices) -> int | None:
    """The most rows with which copying costs no more than building did.

    0 where even accounts and compute cost more, None where rows cost nothing or the cost of building is unknown.
    """
    if prices.build <= 0 or million(prices) <= 0:
        return None
    low, high = 0, 1
    while high < _MOST_ROWS and bill(high, prices).total <= prices.build:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if bill(middle, prices).total <= prices.build else (low, middle)
    return low


def of_build(money: float, prices: Prices) -> float | None:
    """Money as a share of what building the model cost; None where that is unknown."""
    return money / prices.build if prices.build > 0 else None
