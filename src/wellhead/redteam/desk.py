"""One study's way to its target: one transcript, one budget, and the accounts that are left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
import numpy as np

from wellhead.core.arrays import Inputs, Scores
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.account import AccountState
from wellhead.redteam.ask import Asker
from wellhead.redteam.attack import Attack
from wellhead.redteam.budget import Budget, Spent
from wellhead.redteam.oracle import Clock, Line, Oracle, Reply
from wellhead.redteam.patience import PATIENT, Patience
from wellhead.redteam.run import Round, run
from wellhead.redteam.transcript import Transcript


@dataclass
class Desk:
    """An Oracle too: the target as far as it may still be asked.

    budget: of the whole study, earlier sessions included.  rows_per_call: learnt on the way.
    scores: what they are, whatever they are called.  classes: columns of them, 0 while unknown.
    blocked: accounts that are asked no more, and why.
    """

    oracle: Oracle
    budget: Budget
    transcript: Transcript
    patience: Patience = PATIENT
    seed: int = 0
    rows_per_call: int = 0
    scores: Exposure = Exposure.NONE
    classes: int = 0
    blocked: dict[str, str] = field(default_factory=dict)
    target: str = field(init=False)
    owner: str = field(init=False)
    timeout_s: float = field(init=False)
    concurrent: bool = field(init=False)
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        oracle = self.oracle
        self.rows_per_call = self.rows_per_call or oracle.rows_per_call
        self.target, self.owner, self.timeout_s = oracle.target, oracle.owner, oracle.timeout_s
        self.concurrent, self.clock = oracle.concurrent, oracle.clock

    @property
    def lines(self) -> tuple[Line, ...]:
        """Those of accounts that are not blocked."""
        left = [line for line in self.oracle.lines if line.account not in self.blocked]
        return tuple(_Checked(line, self) for line in left) if self.classes else tuple(left)

    @property
    def spent(self) -> Spent:
        """By all sessions of the study so far."""
        spent = self.transcript.spent
        return msgspec.structs.replace(spent, money=self.budget.cost(spent.rows, spent.calls + spent.retries))

    @property
    def left(self) -> int:
        """Rows that the budget still allows."""
        return max(int(min(self.budget.rows, 1e12)) - self.transcript.spent.rows, 0)

    @property
    def warnings(self) -> list[str]:
        """Which accounts were blocked and why, of a target that had been read before."""
        changed = "; it was read before, so the target has changed"
        return [
            f"account {account} was blocked: {why}{changed if 'unusable' in why else ''}"
            for account, why in self.blocked.items()
        ]

    def within(self, cap: float) -> Budget:
        """The budget, ending once the whole study has spent `cap` rows."""
        return msgspec.structs.replace(self.budget, rows=min(self.budget.rows, cap))

    @contextmanager
    def asker(self, cap: float = math.inf) -> Iterator[Asker]:
        """To ask outside an attack, until the study has spent `cap` rows."""
        rng = np.random.default_rng([self.seed, 1])
        asker = Asker(self, self.within(cap), self.transcript, self.patience, rng)
        try:
            yield asker
        finally:
            asker.close()
            self._note(asker.accounts)

    def ask(self, inputs: Inputs, cap: float = math.inf) -> Answer:
        """The answers; rows that got none are marked as in `attack.answered`."""
        with self.asker(cap) as asker:
            return asker.ask(inputs)

    def ask_again(self, inputs: Inputs, number: int) -> Answer:
        """The answers to inputs that were asked `number` times before, asked anew."""
        with self.asker() as asker:
            asker.repeats, asker.again = True, number
            return asker.ask(inputs)

    def run(self, attack: Attack, cap: float, seed: int) -> Iterator[Round]:
        """The rounds of an attack that may ask until the study has spent `cap` rows."""
        for row in run(attack, self, self.within(cap), self.transcript, self.patience, seed):
            self._note(row.accounts)
            yield row

    def _note(self, accounts: dict[str, AccountState]) -> None:
        self.blocked.update({name: state.blocked for name, state in accounts.items() if state.blocked})


_FULL = (Exposure.PROBABILITIES, Exposure.LOGITS)


def called(answer: Answer | None, kind: Exposure) -> Answer | None:
    """The answer, its scores called `kind` where both are full ones."""
    if answer is None or answer.scores is None or answer.kind not in _FULL or kind not in _FULL:
        return answer
    return Answer(kind, answer.scores, answer.labels, answer.values)


def are_logits(scores: Scores) -> bool:
    """True where scores cannot be probabilities, whatever they are called."""
    known = scores[~np.isnan(scores).any(axis=1)]
    return bool(known.size) and bool((known < -1e-6).any() or (known > 1 + 1e-6).any())


class _Checked:
    """A line whose scores have as many columns as at first, and are called what they are."""

    def __init__(self, line: Line, desk: Desk) -> None:
        self.account = line.account
        self._line, self._desk = line, desk

    def send(self, inputs: Inputs, timeout_s: float) -> Reply:
        reply, desk = self._line.send(inputs, timeout_s), self._desk
        width = None if reply.answer is None or reply.answer.scores is None else reply.answer.scores.shape[1]
        if width is not None and width != desk.classes:
            problem = f"expected scores of {desk.classes} classes as before, got {width}"
            return msgspec.structs.replace(reply, answer=None, detail=problem)
        reply.answer = called(reply.answer, desk.scores)
        return reply

    def close(self) -> None:
        self._line.close()
