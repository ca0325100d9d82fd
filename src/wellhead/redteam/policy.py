"""The same attack through a policy: what the gate that would serve leaves of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from wellhead.core.arrays import Inputs
from wellhead.core.errors import WellheadError
from wellhead.core.event import Answer
from wellhead.redteam.attack import Attack, answered
from wellhead.redteam.budget import Budget
from wellhead.redteam.desk import Desk
from wellhead.redteam.oracle import Model, Oracle
from wellhead.redteam.patience import Patience
from wellhead.redteam.run import Round, finish, run

_HOUR_S = 3600.0
_LONGEST = 300


class Policy(NamedTuple):
    """A policy to be tried. name: of its file.  guard: a fresh gate with it around a model, as an oracle."""

    name: str
    guard: Callable[[Model], AbstractContextManager[Oracle]]


def behind(desk: Desk) -> Model:
    """The desk's target as a model behind a gate: true answers that are known are not asked again."""

    def model(inputs: Inputs) -> Answer:
        with desk.asker() as asker:
            told = asker.ask(inputs)
        if not answered(told).all():
            came = " ".join(asker.last_failure.removeprefix("200 ").split())[:_LONGEST] or "none: the budget is used up"
            raise WellheadError(f"expected the target's answers, got {came}")
        return told

    return model


def through(policy: Policy, desk: Desk, attack: Attack, rows: int, seed: int) -> Round:
    """The end of an attack on the target behind the policy.

    The thief waits for limits, and gives an account up after an hour without an answer, in the oracle's time.
    """
    with policy.guard(behind(desk)) as oracle:
        patience = Patience(give_up_after_s=_HOUR_S, longest_wait_s=60.0)
        return finish(run(attack, oracle, Budget(rows=rows), None, patience, seed))
