"""From a batch of inputs to its answers: cache, budget, accounts, retries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.account import AccountState, checked
from wellhead.redteam.attack import answered, take_inputs
from wellhead.redteam.budget import Budget, Spending, Spent
from wellhead.redteam.oracle import Line, Oracle, Reply
from wellhead.redteam.patience import Patience
from wellhead.redteam.transcript import Transcript, keys

_WORTH_RETRYING = frozenset({0, 408, 425, 429, 500, 502, 503, 504})
_NO_ENTRY = frozenset({401, 403})
_TOO_LARGE = 413
_THREADS = 64


class _Job(NamedTuple):
    """One request to come: its account, its inputs and their keys."""

    line: Line
    inputs: Inputs
    keys: list[str]


def _halves(job: _Job) -> list[_Job]:
    """The same questions in two requests."""
    middle = len(job.keys) // 2
    parts = (slice(None, middle), slice(middle, None))
    return [_Job(job.line, job.inputs[part], job.keys[part]) for part in parts]


def _first(job: _Job, rows: int) -> _Job:
    """The first so many questions of a job; all but the first -rows where it is negative."""
    part = slice(None, rows) if rows > 0 else slice(-rows, None)
    return _Job(job.line, job.inputs[part], job.keys[part])


class Asker:
    """Puts batches to an oracle; counts, caches, retries and gives up as told. Close it when done.

    repeats: the same input asked again is a new query (see `Attack.repeats`).
    rows_per_call: the most that one request carries; learnt where the server refuses.
    again: how often these inputs were asked before, with `repeats`.
    unanswered: rows of the last batch.  last_failure: status and detail of the last attempt that failed.
    largest: rows of the largest request that was answered.
    """

    def __init__(
        self, oracle: Oracle, budget: Budget, transcript: Transcript, patience: Patience, rng: np.random.Generator
    ) -> None:
        self._oracle, self._transcript, self._patience = oracle, transcript, patience
        self._lines = tuple(oracle.lines)
        self._rngs = dict(zip((line.account for line in self._lines), rng.spawn(len(self._lines)), strict=True))
        self.accounts = {line.account: AccountState() for line in self._lines}
        self.repeats = False
        self.again = 0
        self.largest = 0
        self.last_failure = ""
        self.unanswered = 0
        self.rows_per_call = oracle.rows_per_call
        self._closing = False
        self._classes: int | None = None
        self._times: Counter[str] = Counter()
        self._missed: set[str] = set()
        self._spending = Spending(budget, transcript.spent, oracle.clock.now_s())
        transcript.opened(oracle.target, oracle.owner, self._now_us())
        many = oracle.concurrent and len(self._lines) > 1
        self._pool = ThreadPoolExecutor(min(len(self._lines), _THREADS)) if many else None

    def _now_us(self) -> int:
        return round(self._oracle.clock.now_s() * 1e6)

    @property
    def spent(self) -> Spent:
        """What this run has cost so far."""
        return self._spending.spent(self._oracle.clock.now_s())

    @property
    def exhausted(self) -> str:
        """What of the budget did not suffice for the last batch, empty where all did."""
        return self._spending.exhausted

    @property
    def alive(self) -> list[Line]:
        """Lines of the accounts that are not blocked."""
        return [line for line in self._lines if not self.accounts[line.account].blocked]

    def ask(self, inputs: Inputs) -> Answer:
        """The answers, in the order of the inputs; rows that got none are marked as in `attack.answered`."""
        names = self._keys(inputs)
        first = {name: row for row, name in reversed(list(enumerate(names)))}
        new = sorted(row for name, row in first.items() if self._transcript.find(name) is None)
        self._spending.cached(len(names) - len(new))
        self._send(self._jobs(inputs, names, new))
        answer = self._collect(names)
        self.unanswered = int((~answered(answer)).sum())
        return answer

    def _keys(self, inputs: Inputs) -> list[str]:
        """Keys of the inputs; with `repeats` the n-th asking of the same input has a key of its own."""
        plain = keys(self._oracle.target, inputs)
        if not self.repeats:
            return plain
        numbered = []
        for key in plain:
            numbered.append(f"{key}.{self.again + self._times[key]}")
            self._times[key] += 1
        return numbered

    def _jobs(self, inputs: Inputs, names: list[str], new: list[int]) -> list[_Job]:
        """New rows dealt out to the accounts in turn, as requests in the order of sending, cut to the budget."""
        alive, size = self.alive, self.rows_per_call
        shares = [(line, new[i :: len(alive)]) for i, line in enumerate(alive)]
        parts = [
            (line, share[at : at + size])
            for at in range(0, max((len(s) for _, s in shares), default=0), size)
            for line, share in shares
            if share[at : at + size]
        ]
        granted = self._spending.plan([len(rows) for _, rows in parts], self._oracle.clock.now_s())
        return [
            _Job(line, take_inputs(inputs, np.array(rows[:n])), [names[r] for r in rows[:n]])
            for (line, rows), n in zip(parts, granted, strict=True)
            if n
        ]

    def _send(self, jobs: list[_Job]) -> None:
        if self._pool is None:
            self._send_all(jobs)
            return
        per_line: dict[str, list[_Job]] = {}
        for job in jobs:
            per_line.setdefault(job.line.account, []).append(job)
        list(self._pool.map(self._send_all, per_line.values()))

    def _send_all(self, jobs: list[_Job]) -> None:
        for job in jobs:
            self._send_one(job)

    def _send_one(self, job: _Job) -> None:
        account, attempt, size = job.line.account, 1, len(job.keys)
        while job.keys and not (self._closing or self.accounts[account].blocked):
            part = _first(job, size)
            if not self._in_time(part):
                return
            reply = self._attempt(part, attempt)
            if reply is None:
                return
            if reply.answer is not None:
                job = _first(job, -size)
                attempt, size = 1, len(job.keys)
            elif reply.status == _TOO_LARGE and size > 1:
                self.rows_per_call = min(self.rows_per_call, (size + 1) // 2)
                self._send_all(_halves(job))
                return
            elif size > 1 and not self.exhausted and self._shrinks(reply):
                size //= 2
            elif self._wait(account, attempt, reply):
                attempt += 1
                size = len(job.keys) if self._shrinks(reply) else size
            else:
                return

    def _shrinks(self, reply: Reply) -> bool:
        return reply.status == 429 and self._patience.shrinks(reply.detail, reply.retry_after_s)

    def _in_time(self, job: _Job) -> bool:
        """Wait until the account's pace allows the request; False where the budget ends before."""
        clock, state = self._oracle.clock, self.accounts[job.line.account]
        wait_s = state.next_s - clock.now_s()
        if wait_s >= self._spending.seconds_left(clock.now_s()):
            self._spending.stop("seconds")
            return False
        if wait_s > 0:
            clock.sleep(wait_s)
        state.next_s = clock.now_s() + self._patience.pace.pause_s(len(job.keys), self._rngs[job.line.account])
        return True

    def _attempt(self, job: _Job, attempt: int) -> Reply | None:
        """Send once and record it; None where the budget does not allow it."""
        clock, rows = self._oracle.clock, len(job.keys)
        # Questions that an earlier request had no answer to are asked again, though in a new request.
        attempt += attempt == 1 and not self._missed.isdisjoint(job.keys)
        if not self._spending.reserve(rows, attempt > 1, clock.now_s()):
            return None
        start_s, state = clock.now_s(), self.accounts[job.line.account]
        number = self._transcript.sent(job.line.account, attempt, job.keys, self._now_us())
        timeout_s = max(min(self._oracle.timeout_s, self._spending.seconds_left(start_s)), 1e-3)
        reply = checked(job.line.send(job.inputs, timeout_s), rows, self._classes)
        self._transcript.got(number, reply, self._now_us())
        if reply.answer is None:
            self.last_failure = f"{reply.status} {reply.detail}".strip()
            self._missed.update(job.keys if reply.charged else ())
            state.lost(reply, clock.now_s() - start_s, self._patience)
        else:
            state.got(rows)
            self.largest = max(self.largest, rows)
            self._classes = self._classes or (None if reply.answer.scores is None else reply.answer.scores.shape[1])
        if not reply.charged:
            self._spending.release(rows)
        return reply

    def once(self, line: Line, send: Callable[[float], Reply], name: str, rows: int = 1) -> Reply | None:
        """One attempt that nothing is cached of, such as a malformed one; None where no budget is left."""
        now_s = self._oracle.clock.now_s()
        if not self._spending.reserve(rows, False, now_s):
            return None
        number = self._transcript.sent(line.account, 1, [f"{name}.{i}" for i in range(rows)], self._now_us())
        reply = send(max(min(self._oracle.timeout_s, self._spending.seconds_left(now_s)), 1e-3))
        self._transcript.got(number, msgspec.structs.replace(reply, answer=None), self._now_us())
        if not reply.charged:
            self._spending.release(rows)
        elif reply.answer is not None:
            self.largest = max(self.largest, rows)
        return reply

    def _wait(self, account: str, attempt: int, reply: Reply) -> bool:
        """Wait before the next attempt; False where there shall be none."""
        state, patience = self.accounts[account], self._patience
        if reply.status in _NO_ENTRY:
            state.blocked = f"refused with {reply.status}"
        if state.blocked:
            return False
        if reply.status not in _WORTH_RETRYING or (reply.status != 429 and attempt >= patience.attempts):
            return False
        wait_s = patience.wait_s(attempt, reply.retry_after_s, self._rngs[account])
        if state.waited_s + wait_s > patience.give_up_after_s:
            state.blocked = f"no answer but {reply.status} for {state.waited_s:.1f} s, next in {wait_s:.1f} s"
            return False
        if wait_s >= self._spending.seconds_left(self._oracle.clock.now_s()):
            self._spending.stop("seconds")
            return False
        state.waited_s += wait_s
        self._oracle.clock.sleep(wait_s)
        return True

    def _collect(self, names: list[str]) -> Answer:
        """Every known answer to these keys, a block at a time."""
        blocks: dict[int, tuple[Answer, list[int], list[int]]] = {}
        for row, name in enumerate(names):
            found = self._transcript.find(name)
            if found is not None:
                _, rows, sources = blocks.setdefault(id(found[0]), (found[0], [], []))
                rows.append(row)
                sources.append(found[1])
        return spread(len(names), list(blocks.values()))

    def close(self) -> None:
        """Hang up every line, after the requests that are under way."""
        self._closing = True
        if self._pool is not None:
            self._pool.shutdown()
        for line in self._lines:
            line.close()


def spread(rows: int, blocks: list[tuple[Answer, list[int], list[int]]]) -> Answer:
    """One answer of so many rows from blocks (answer, rows to fill, their rows in the block)."""
    columns: dict[str, Array] = {}
    kind = max((answer.kind for answer, _, _ in blocks), default=Exposure.NONE)
    for answer, to, source in blocks:
        told = {"labels": answer.top1, "values": answer.values}
        if answer.kind.has_scores:
            told["scores"] = answer.scores
        for name, column in told.items():
            if column is None:
                continue
            if name not in columns:
                columns[name] = np.full((rows, *column.shape[1:]), -1 if name == "labels" else np.nan, column.dtype)
            columns[name][to] = column[source]
    if not columns:
        return Answer(kind, labels=np.full(rows, -1, np.int64))
    return Answer(kind, **columns)
