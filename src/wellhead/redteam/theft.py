"""One theft through one policy: ask, train, and sum up over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeAlias

import numpy as np

from wellhead.core.errors import Unsuited
from wellhead.core.event import Caller
from wellhead.redteam.adaptive import Thief, ask_as, callers_of, reading
from wellhead.redteam.attack import Attack, Extraction
from wellhead.redteam.budget import Budget
from wellhead.redteam.curves import Curves, Stolen
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import Model, Oracle
from wellhead.redteam.patience import Patience
from wellhead.redteam.run import Round, finish, run
from wellhead.redteam.validation import Point, Taken, over_seeds
from wellhead.redteam.wrap.recovered import Shape

DAY_S = 86_400.0
_FULL = "limit reached"
"""How the gate says that a limit of rows is used up."""
_ENDS = {"ok": "ok", "exhausted": "cut short", "blocked": "blocked"}


Guard: TypeAlias = Callable[[Model, Sequence[Caller]], AbstractContextManager[Oracle]]
"""guard(model, accounts) -> a fresh gate around the model, asked by these."""


class Trial(NamedTuple):
    """A policy to be tried. answers: its defences, for the report.  guard: makes its gates.

    undo: what a thief who knows the defence inverts, None where it cannot.  l1_promised: by declaration, -1 unknown.
    problem: why it cannot be tried, empty where it can.
    """

    name: str
    guard: Guard
    answers: tuple[str, ...] = ()
    undo: Shape | None = None
    l1_promised: float = -1.0
    problem: str = ""


class Loot(NamedTuple):
    """What one thief took with one seed. rows: answered.  seconds: simulated."""

    state: str
    reason: str = ""
    rows: int = 0
    seconds: float = 0.0
    curve: tuple[Stolen, ...] = ()


def patience_of(days: float) -> Patience:
    """One that waits for limits as long as it has days, and asks in smaller requests where that helps."""
    return Patience(give_up_after_s=days * DAY_S, longest_wait_s=60.0, full=_FULL)


def ask(trial: Trial, model: Model, callers: Sequence[Caller], attack: Attack, days: float, seed: int) -> Round:
    """The end of an attack through a fresh gate; simulated days are all that limits it."""
    with trial.guard(model, callers) as oracle:
        return finish(run(attack, oracle, Budget(seconds=days * DAY_S), None, patience_of(days), seed))


def steal(
    trial: Trial, model: Model, thieves: Sequence[Thief], known: Known, curves: Curves, effort: tuple[int, float, int]
) -> dict[str, Loot]:
    """What thieves of one way take. effort: budget of inputs, days, seed."""
    budget, days, seed = effort
    way = thieves[0].way
    try:
        last = ask(trial, model, callers_of(way), ask_as(way, known, budget), days, seed)
        return {thief.name: _loot(thief, trial, last, curves, seed) for thief in thieves}
    except Unsuited as e:
        return {thief.name: Loot("not run", e.message) for thief in thieves}
    except Exception as e:  # one thief's fault must not cost what all others found
        return {thief.name: Loot("failed", f"{type(e).__name__}: {e}") for thief in thieves}


def _loot(thief: Thief, trial: Trial, last: Round, curves: Curves, seed: int) -> Loot:
    state = _ENDS.get(last.state, "failed")
    if not isinstance(last.result, Extraction):
        return Loot(state, last.reason)
    try:
        curve = curves.of(*reading(thief, last.result, trial.undo, seed), seed)
    except Unsuited as e:
        return Loot("not run", e.message)
    return Loot(state, last.reason, last.spent.rows, last.spent.seconds, curve)


def summed(thief: Thief, loots: Sequence[Loot], judges: int) -> Taken:
    """One thief over all seeds."""
    worst = next((x for x in loots if x.state != "ok"), loots[0])
    ran = [x for x in loots if x.curve]
    taken = Taken(thief=thief.name, state=worst.state, reason=worst.reason, accounts=len(callers_of(thief.way)))
    if not ran:
        return taken
    ends = [x.curve[-1] for x in ran]
    rights = [end.accuracy for end in ends]
    return Taken(
        thief=thief.name,
        state=worst.state,
        reason=worst.reason,
        rows=round(float(np.mean([x.rows for x in ran]))),
        seconds=max(x.seconds for x in ran),
        accounts=taken.accounts,
        learner=max(ends, key=lambda s: s.fidelity).learner,
        accuracy=float(np.mean(rights)),
        accuracy_spread=float(np.std(rights, ddof=1)) if len(rights) > 1 else 0.0,
        shares=tuple(end.fidelity for end in ends),
        curve=_curve(ran, judges),
    )


def _curve(ran: Sequence[Loot], judges: int) -> tuple[Point, ...]:
    """Points at which every seed has a clone, and the one of all answers."""
    inner: dict[int, list[float]] = {}
    for loot in ran:
        for stolen in loot.curve[:-1]:
            inner.setdefault(stolen.inputs, []).append(stolen.fidelity)
    last = round(float(np.mean([x.curve[-1].inputs for x in ran])))
    rows = float(np.mean([x.rows for x in ran]))
    points = {n: shares for n, shares in sorted(inner.items()) if len(shares) == len(ran) and n < last}
    points[last] = [x.curve[-1].fidelity for x in ran]
    return tuple(_point(n, rows * n / last, shares, judges) for n, shares in points.items())


def _point(inputs: int, rows: float, shares: Sequence[float], judges: int) -> Point:
    (low, high), spread = over_seeds(shares, judges)
    return Point(inputs=inputs, rows=round(rows), fidelity=float(np.mean(shares)), low=low, high=high, spread=spread)
