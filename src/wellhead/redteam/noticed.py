"""What an honest customer notices of a policy: best classes that change, probabilities that move, and time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from wellhead.core.arrays import Inputs, Scores
from wellhead.core.event import Answer, Caller, Query
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import answered, take, take_inputs
from wellhead.redteam.desk import are_logits
from wellhead.redteam.gated import Gated
from wellhead.redteam.learner import probabilities
from wellhead.redteam.oracle import Oracle
from wellhead.redteam.validation import Notice

_TIMED = 200
HONEST = Caller(principal="honest", key="honest", address="203.0.113.5", agent="shop/1")
"""Who asks the judges."""


def noticed(served: Answer, truth: Answer) -> Notice:
    """What answers (n rows, some perhaps refused) differ in from the true ones."""
    heard = answered(served)
    rows = np.flatnonzero(heard)
    told, true = take(served, rows), take(truth, rows)
    if not rows.size or told.top1 is None or true.top1 is None:
        return Notice(refused=int((~heard).sum()))
    moved = _moved(told, true)
    return Notice(
        answered=rows.size,
        kept=int((told.top1 == true.top1).sum()),
        refused=int((~heard).sum()),
        l1_mean=-1.0 if moved is None else float(moved.mean()),
        l1_max=-1.0 if moved is None else float(moved.max()),
    )


def _moved(told: Answer, true: Answer) -> Scores | None:
    """(n,) L1 distances of probabilities; None where the model itself gives none."""
    if true.scores is None or told.top1 is None:
        return None
    before = _shares(true)
    certain = np.eye(before.shape[1])[told.top1]
    if told.scores is None or not told.kind.has_scores:
        return np.asarray(np.abs(certain - before).sum(axis=1))
    after = _shares(told)
    after = np.where(np.isnan(after).any(axis=1, keepdims=True), certain, after)
    return np.asarray(np.abs(after - before).sum(axis=1))


def _shares(answer: Answer) -> Scores:
    if answer.scores is not None and are_logits(answer.scores):
        return probabilities(Answer(Exposure.LOGITS, answer.scores))
    return probabilities(answer)


def added_us(oracle: Oracle, inputs: Inputs, truth: Answer, clock: Callable[[], float] = time.perf_counter) -> float:
    """Median microseconds that the gate takes to shape the answer to one row; -1 where the oracle has no gate."""
    if not isinstance(oracle, Gated):
        return -1.0
    taken = []
    for row in range(min(len(inputs), _TIMED)):
        one = np.array([row])
        query = Query(oracle.target, take_inputs(inputs, one), 1, oracle.asked)
        verdict = oracle.gate.admit(HONEST, query, oracle.clock.now_s())
        if not verdict.passes:
            break
        answer = take(truth, one)
        begun = clock()
        oracle.gate.shape(query, answer, verdict)
        taken.append(clock() - begun)
        oracle.gate.release(HONEST, 1)
    return statistics.median(taken) * 1e6 if taken else -1.0
