"""A model behind the very gate that serves customers, no network between."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wellhead.core.arrays import Inputs
from wellhead.core.event import Answer, Caller, Exchange, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Verdict
from wellhead.redteam.oracle import CallLine, Clock, Line, Model, Reply, Simulated, as_answer

_GUESS_S = 0.003
"""One guess at a puzzle on one core; a thief pays as often as it has to."""


class Gate(Protocol):
    """The verbs of `wellhead.gate` that an attack passes through."""

    def admit(self, caller: Caller, query: Query, now_s: float, *, solved: bool = False) -> Verdict:
        """May this query pass?"""
        ...

    def shape(self, query: Query, answer: Answer, verdict: Verdict) -> tuple[Answer, str]:
        """The answer as served, and the name of the defence that shaped it."""
        ...

    def release(self, caller: Caller, rows: int) -> object:
        """Give back the rows of a query that the model failed to answer."""
        ...


@dataclass
class Gated:
    """A callable behind a gate; each caller is one account, asked in turn.

    observe: is handed every exchange, refused ones included, as capture hands them on.
    asked: what each query asks the model to give away.  clock: simulated by default, so waiting takes no time.
    """

    gate: Gate
    callers: Sequence[Caller]
    model: Model
    observe: Callable[[Exchange], object]
    clock: Clock = field(default_factory=Simulated)
    rows_per_call: int = 16
    asked: Exposure = Exposure.PROBABILITIES
    target: str = "gated"
    owner: str = ""
    timeout_s: float = math.inf
    concurrent: bool = False

    @property
    def lines(self) -> tuple[Line, ...]:
        """One line for each caller."""
        return tuple(CallLine(c.principal, _Passage(self, c).ask, self.clock) for c in self.callers)


@dataclass
class _Passage:
    """One caller's way through the gate."""

    oracle: Gated
    caller: Caller

    def ask(self, inputs: Inputs) -> Reply:
        oracle = self.oracle
        query = Query(model=oracle.target, inputs=inputs, rows=len(inputs), asked=oracle.asked)
        verdict = oracle.gate.admit(self.caller, query, oracle.clock.now_s())
        if verdict.challenge_bits and not verdict.passes:
            oracle.clock.sleep(_GUESS_S * 2.0**verdict.challenge_bits)
            verdict = oracle.gate.admit(self.caller, query, oracle.clock.now_s(), solved=True)
        if verdict.delay_s:
            oracle.clock.sleep(verdict.delay_s)
        if not verdict.passes:
            self._observe(query, verdict, verdict.status)
            return Reply(verdict.status, retry_after_s=verdict.retry_after_s, detail=verdict.reason)
        try:
            true = as_answer(oracle.model(inputs))
        except Exception:
            oracle.gate.release(self.caller, query.rows)
            raise
        served, defence = oracle.gate.shape(query, true, verdict)
        self._observe(query, verdict, 200, served, true, defence)
        return Reply(200, served)

    def _observe(
        self,
        query: Query,
        verdict: Verdict,
        status: int,
        served: Answer | None = None,
        true: Answer | None = None,
        defence: str = "",
    ) -> None:
        exchange = Exchange(
            caller=self.caller,
            query=query,
            answer=served,
            time_us=round(self.oracle.clock.now_s() * 1e6),
            status=status,
            request=uuid.uuid4().hex,
            true_answer=true if defence else None,
            defence=defence,
            stance=int(verdict.stance),
            reason=verdict.reason,
            drill="redteam",
        )
        self.oracle.observe(exchange)
