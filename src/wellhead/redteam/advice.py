"""From measured curves to limits: what to serve, how much of it, and whether that reaches the operator's goal."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.redteam.goal import COST, DAYS, FIDELITY, Goal
from wellhead.redteam.outcome import Outcome, Prices, Study
from wellhead.redteam.validation import OWN, UNDEFENDED, Point, Taken, Tried, Validation
from wellhead.redteam.worth import cheapest, envelope

_LEAST_DRAWN, _ALIKE = 0.05, 0.02


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """prices: of a row and an account.  fidelity: of a clone that is worth having.

    honest_rows: a day, that honest customers need: no quota below it is proposed.  window_days: that ledgers sum.
    """

    prices: Prices = Prices()
    fidelity: float = 0.9
    honest_rows: int = 100
    window_days: int = 30


class Rows(NamedTuple):
    """Rows to a goal under one policy. number: answered, of the thief to whom they cost least.

    least: True where no thief got there: it takes at least so many.  most: True where the smallest budget that was
    measured was enough: it takes at most so many, perhaps far fewer.
    """

    policy: str
    number: int
    least: bool = False
    most: bool = False

    @property
    def words(self) -> str:
        """As people read it."""
        return f"{'at least ' if self.least else 'at most ' if self.most else ''}{self.number:,}"


class Advice(NamedTuple):
    """What to set. policy: whose defences to serve.  rows: to the fidelity, through it.  rows_per_day: quota.

    max_drawn: for the valve.  reached: True where the goal holds for one account and, for cost, for any number.
    accounts, days: that a thief needs all the same: accounts to be done within the window, days with one of them.
    cost: of that, in the currency of the prices.  price, deposit: of a row or an account that would reach a cost.
    """

    policy: Tried
    rows: Rows
    rows_per_day: int
    max_drawn: float
    reached: bool
    accounts: int
    days: float
    cost: float
    price: float = 0.0
    deposit: float = 0.0


def advise(v: Validation, goal: Goal, terms: Terms) -> Advice:
    """The policy and quota that reach the goal, or come nearest. Nothing is read beyond what was measured.

    Raises ConfigError where no policy was measured that keeps the best class.
    """
    fidelity = goal.bound if goal.kind == FIDELITY else terms.fidelity
    policy = best_policy(v, fidelity, terms.prices)
    rows = rows_to(policy, fidelity, terms.prices)
    quota, enough = quota_for(rows, goal, terms)
    accounts = max(math.ceil(rows.number / max(quota * terms.window_days, 1)), 1)
    cost = rows.number * terms.prices.row + accounts * terms.prices.account
    lacking = max(goal.bound - cost, 0.0) if goal.kind == COST else 0.0
    return Advice(
        policy=policy,
        rows=rows,
        rows_per_day=quota,
        max_drawn=drawn_at(v, fidelity),
        reached=cost > goal.bound if goal.kind == COST else enough,
        accounts=accounts,
        days=rows.number / quota,
        cost=cost,
        price=terms.prices.row + lacking / rows.number,
        deposit=terms.prices.account + lacking / accounts,
    )


def candidates(v: Validation) -> list[Tried]:
    """Policies that may be proposed: tried, whole, and with the best class unchanged."""
    return [
        t
        for t in v.tried
        if t.state == "ok"
        and t.policy != OWN
        and t.best
        and t.notice.kept == t.notice.answered
        and not t.notice.refused
    ]


def best_policy(v: Validation, fidelity: float, prices: Prices) -> Tried:
    """The policy under which the cheapest clone of that fidelity takes most rows; of those that leave the best thief
    least, give or take two points, the one that moves probabilities least.
    """
    found = candidates(v)
    if not found:
        raise ConfigError("expected a policy that keeps the best class, got none", "run `wellhead validate`")

    def worth(tried: Tried) -> tuple[bool, int]:
        rows = rows_to(tried, fidelity, prices)
        return rows.least, 0 if rows.least else rows.number

    most = max(map(worth, found))
    equal = [t for t in found if worth(t) == most]
    bound = min(_end(t).fidelity for t in equal) + _ALIKE
    return min((t for t in equal if _end(t).fidelity <= bound), key=lambda t: t.notice.l1_mean)


def _end(tried: Tried) -> Point:
    best = tried.best
    if best is None or best.end is None:
        raise ConfigError(f"expected a clone through {tried.policy}, got none", "run `wellhead validate` again")
    return best.end


def rows_to(tried: Tried, fidelity: float, prices: Prices) -> Rows:
    """Rows to that fidelity: the fewest that the upper end of the 95 % interval allows, or at least all measured."""
    worth = cheapest(tried, fidelity, prices)
    if worth is None:
        raise ConfigError(f"expected a clone through {tried.policy}, got none", "run `wellhead validate` again")
    found, smallest = worth.need, min(p.rows for t in tried.takings for p in t.curve)
    count = found.soonest or found.rows or found.asked
    return Rows(tried.policy, count, found.rows is None, found.rows is not None and count <= smallest)


def quota_for(rows: Rows, goal: Goal, terms: Terms) -> tuple[int, bool]:
    """Rows a day for one account, and whether they are few enough; never below what honest customers need.

    Few enough: one account takes longer than the window that ledgers sum, or than the days that the goal names; for a
    cost, so many accounts are needed within the window that they cost as much. Rows that are known from above only
    are never few enough.
    """
    days = float(terms.window_days)
    if goal.kind == DAYS:
        days = max(goal.bound, days)
    if goal.kind == COST and terms.prices.account > 0:
        days *= max(math.ceil((goal.bound - rows.number * terms.prices.row) / terms.prices.account), 1)
    quota = math.ceil(rows.number / days) - 1
    return max(quota, terms.honest_rows, 1), quota >= max(terms.honest_rows, 1) and not rows.most


def drawn_at(v: Validation, fidelity: float) -> float:
    """The share drawn that this fidelity stands for: of the way from guessing to the best clone that was measured."""
    open_ = v.find(UNDEFENDED)
    most = max((p.fidelity for p in envelope(open_)), default=1.0) if open_ else 1.0
    share = (fidelity - v.chance) / max(most - v.chance, 1e-9)
    return round(min(max(share, _LEAST_DRAWN), 1.0), 2)


def from_study(study: Study) -> Validation:
    """A study of `wellhead attack` as a validation: undefended, and through its policy where it had one."""
    open_ = _tried(UNDEFENDED, [o for o in study.outcomes if o.room == "extract"])
    guarded = _tried(OWN, [o.guarded for o in study.outcomes if o.guarded])
    return Validation(
        target=study.target,
        judges=study.judges,
        chance=study.chance,
        budget=round(study.budget_rows),
        prices=study.prices,
        tried=(open_, guarded) if guarded.takings else (open_,),
    )


def _tried(policy: str, outcomes: list[Outcome]) -> Tried:
    takings = tuple(
        Taken(
            thief=o.attack,
            rows=o.rows,
            curve=tuple(
                Point(inputs=m.rows, rows=m.rows, fidelity=m.fidelity, low=m.low, high=m.high) for m in o.marks
            ),
        )
        for o in outcomes
        if o.marks
    )
    return Tried(policy=policy, takings=takings)
