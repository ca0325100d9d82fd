"""From measured curves to limits: what to serve, how much of it, and whether that reaches the operator's goal."""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from wellhead.config import Exposed
from wellhead.core.errors import ConfigError
from wellhead.defend.guarantees import Argmax, Stage
from wellhead.defend.spec import Unready, compose, met
from wellhead.gate.lists import stage_of
from wellhead.redteam.goal import COST, DAYS, FIDELITY, Goal
from wellhead.redteam.outcome import Outcome, Prices, Study
from wellhead.redteam.validation import LABEL_ONLY, OWN, UNDEFENDED, Point, Taken, Tried, Validation
from wellhead.redteam.worth import Rows, envelope, rows_to

_LEAST_DRAWN, _ALIKE = 0.05, 0.02
_GIVEN = {"key": bytes(32)}


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """prices: of a row and an account.  fidelity: of a clone that is worth having.

    honest_rows: a day, that honest customers need: no quota below it is proposed.  window_days: that ledgers sum.
    flip_labels: the operator accepts defences that may change the best class.  regressor: nothing but limits helps.
    """

    prices: Prices = Prices()
    fidelity: float = 0.9
    honest_rows: int = 100
    window_days: int = 30
    flip_labels: bool = False
    regressor: bool = False

    def of(self, goal: Goal) -> float:
        """The fidelity that rows are counted to: the goal's own where it names one."""
        return goal.bound if goal.kind == FIDELITY else self.fidelity


class Advice(NamedTuple):
    """What to set. policy: whose answers then leave.  answers: to set for that, None to leave what is set.

    rows: to the fidelity, through it.  max_drawn: that goes with that fidelity, whatever the config says.
    """

    policy: Tried
    answers: tuple[str, ...] | None
    rows: Rows
    max_drawn: float


class Effort(NamedTuple):
    """What a clone takes under one quota. reached: True where the goal holds, by what was measured.

    spell: UTC days that the days of the goal can touch.  accounts: to be done within the window.  days: UTC days of one
    account, 0 where there is no quota.  cost: within the window, in the currency of the prices.  price, deposit: a row
    or an account must cost more than that for a cost.  All are at least so much, or where `rows.most` at most.
    """

    rows: Rows
    rows_per_day: int
    spell: int
    reached: bool
    accounts: int
    days: int
    cost: float
    price: float = 0.0
    deposit: float = 0.0


def checked(v: Validation) -> Validation:
    """The validation; raises ConfigError where it is of another version, or a clone came from nothing."""
    if v.v != 1:
        raise ConfigError(f"expected a study of version 1, got {v.v}", "run `wellhead validate` of this release")
    points = [p for tried in v.tried for taken in tried.takings for p in taken.curve]
    least = min((min(p.rows, p.inputs) for p in points), default=1)
    if least < 1:
        raise ConfigError(f"expected clones from at least 1 row, got {least}", "run `wellhead validate` again")
    return v


def advise(v: Validation, goal: Goal, terms: Terms, exposed: Exposed = Exposed()) -> Advice:  # noqa: B008 - frozen
    """What to serve and how much. exposed: what leaves now; nothing that is proposed tells more than that.

    Nothing is read beyond what was measured. Raises ConfigError where no policy was measured that keeps the best class.
    """
    fidelity = terms.of(goal)
    policy, answers = _choice(v, exposed, fidelity, terms)
    return Advice(policy, answers, rows_to(policy, fidelity), drawn_at(v, fidelity))


def _choice(v: Validation, exposed: Exposed, fidelity: float, terms: Terms) -> tuple[Tried, tuple[str, ...] | None]:
    now = served(v, exposed)
    if terms.regressor or labels(exposed):
        return now or least_known(v), None
    best = best_policy(v, fidelity, terms)
    if exposed.answers and now is None:  # nobody knows what they are worth; only labels surely tell no more
        least = next((t for t in candidates(v, terms.flip_labels) if t.policy == LABEL_ONLY), None)
        return (least, least.answers) if least else (least_known(v), None)
    if now is not None and exposed.answers and (not best.answers or _worth(now, fidelity) >= _worth(best, fidelity)):
        return now, None
    return best, best.answers or None


def labels(exposed: Exposed) -> bool:
    """True where nothing but labels leaves."""
    return exposed.exposure == "label" or LABEL_ONLY in exposed.answers


def served(v: Validation, exposed: Exposed) -> Tried | None:
    """The policy that was measured with these answers and no limits; None where there was none."""
    answers = (LABEL_ONLY,) if labels(exposed) else exposed.answers
    found = (t for t in v.tried if t.policy != OWN and t.answers == answers and t.state == "ok" and t.best)
    return next(found, None)


def least_known(v: Validation) -> Tried:
    """The undefended row: what a thief learns through answers that were not measured is at most that.

    Raises ConfigError where it got no clone.
    """
    open_ = v.find(UNDEFENDED)
    if open_ is None or open_.best is None:
        raise ConfigError("expected a clone of the undefended model, got none", "run `wellhead validate` again")
    return open_


def candidates(v: Validation, flip_labels: bool = False) -> list[Tried]:
    """Policies that may be proposed: tried, whole, declared to keep the best class and seen to do so.

    flip_labels: also those that declare less.
    """
    return [
        t
        for t in v.tried
        if t.state == "ok"
        and t.policy != OWN
        and t.best
        and t.notice.kept == t.notice.answered
        and not t.notice.refused
        and (flip_labels or _keeps(t.answers))
    ]


def _keeps(answers: tuple[str, ...]) -> bool:
    """True where these defences declare that they keep the best class; those that wait for a profile all do."""
    try:
        ready = tuple(text for text in answers if missing((text,)) != "codebook")
        return met(compose(ready, _GIVEN)).argmax is not Argmax.NONE
    except ConfigError:  # not installed here, or bound to what an operator cannot write
        return False


def missing(answers: tuple[str, ...], codebook: object = None) -> str:
    """What these defences lack until a profile is fitted, empty where they are ready."""
    try:
        compose(answers, {**_GIVEN, "codebook": codebook})
    except Unready as e:
        return e.missing
    return ""


def _worth(tried: Tried, fidelity: float) -> tuple[bool, int]:
    rows = rows_to(tried, fidelity)
    return rows.least, 0 if rows.least else rows.number


def best_policy(v: Validation, fidelity: float, terms: Terms) -> Tried:
    """The policy under which a clone of that fidelity takes most rows; of those that leave the best thief least, give
    or take two points, the one that moves probabilities least, what is bent counting twice what is left out.
    """
    found = candidates(v, terms.flip_labels)
    if not found:
        raise ConfigError("expected a policy that keeps the best class, got none", "run `wellhead validate`")
    most = max(_worth(t, fidelity) for t in found)
    equal = [t for t in found if _worth(t, fidelity) == most]
    bound = min(_end(t) for t in equal) + _ALIKE
    return min((t for t in equal if _end(t) <= bound), key=_price)


def _price(tried: Tried) -> float:
    """How far honest answers move; a probability that was bent is wrong, one that was left out is only missing."""
    bent = any(stage_of(text) < Stage.TRUNCATE for text in tried.answers)
    return tried.notice.l1_mean * (2.0 if bent else 1.0)


def _end(tried: Tried) -> float:
    return max(t.curve[-1].fidelity for t in tried.takings if t.curve)


def _spell(goal: Goal, terms: Terms) -> int:
    """UTC days that the days of the goal, and of the window, can touch: one more than they are."""
    days = max(goal.bound, terms.window_days) if goal.kind == DAYS else terms.window_days
    return math.ceil(days) + 1


def quota_for(rows: Rows, goal: Goal, terms: Terms) -> int:
    """Rows a day for one account that reach the goal where any do; never below what honest customers need.

    One account takes longer than the window that ledgers sum, or than the days that the goal names; for a cost, so many
    accounts are needed within the window that they cost as much.
    """
    days, prices = _spell(goal, terms), terms.prices
    if goal.kind == COST and prices.account > 0:
        days *= max(math.ceil((goal.bound - rows.number * prices.row) / prices.account), 1)
    return max(math.ceil(rows.number / days) - 1, terms.honest_rows, 1)


def effort(rows: Rows, rows_per_day: int, goal: Goal, terms: Terms) -> Effort:
    """What a clone takes with so many rows a day for each account, 0 for no limit. Rows that are known from above only
    reach nothing.
    """
    prices, number = terms.prices, rows.number or rows.enough or 1
    each = rows_per_day * (terms.window_days + 1) or number
    accounts = max(math.ceil(number / each), 1)
    cost = number * prices.row + accounts * prices.account
    lacking = max(goal.bound - cost, 0.0) if goal.kind == COST else 0.0
    spell = _spell(goal, terms)
    slow = 0 < rows_per_day * spell < rows.number
    return Effort(
        rows=rows,
        rows_per_day=rows_per_day,
        spell=spell,
        reached=not rows.most and (cost > goal.bound if goal.kind == COST else slow),
        accounts=accounts,
        days=math.ceil(number / rows_per_day) if rows_per_day else 0,
        cost=cost,
        price=prices.row + lacking / number,
        deposit=prices.account + lacking / accounts,
    )


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
