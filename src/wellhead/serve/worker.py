"""The one thread behind the responses: it logs, meters, judges and acts, a micro-batch at a time.

The event loop only appends to a queue; everything that this thread decides goes back to the loop as a call.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import msgspec
import numpy as np

from wellhead.audit.log import Log
from wellhead.core.arrays import Codes
from wellhead.core.batch import visits_of
from wellhead.core.codec import Record
from wellhead.core.event import ROWS_PER_EVENT, Event, Exchange, Gap
from wellhead.core.finding import Action, Alert, Decide, Review
from wellhead.core.verdict import Decision
from wellhead.gate.gate import Gate
from wellhead.gate.observe import Observer
from wellhead.gate.record import Recorder
from wellhead.meter.profile import Profile
from wellhead.serve.fitting import Fitting, coded, mark
from wellhead.serve.reference import Filling
from wellhead.store.history import History

TICK_S = 0.05
"""How long answered queries wait to be metered together."""
MOST = 1024
"""Exchanges of one micro-batch."""
_SHOWN = 10

Post = Callable[..., object]
"""Runs a function on the thread that owns the gate: loop.call_soon_threadsafe, or a direct call in tests."""


class Aide(Protocol):
    """Somebody who works beside the worker, in a thread of its own, and is asked between two micro-batches."""

    def see(self, exchanges: Sequence[Exchange], events: Sequence[Sequence[Event]]) -> None:
        """Hear what was asked and answered, and how it was stored."""
        ...

    def turn(self, now_s: float) -> Sequence[Action]:
        """Take up what is done and begin what is due, in no time."""
        ...

    def stop(self) -> None:
        """End what is in flight."""
        ...


class Books(msgspec.Struct):
    """What the worker writes to."""

    log: Log
    history: History
    recorder: Recorder
    save: Callable[[Profile], object]
    seal_every_s: float


class Counts(msgspec.Struct):
    """What has gone by since the start."""

    requests: int = 0
    rows: int = 0
    refused: int = 0
    lost: int = 0
    unmetered: int = 0


class Worker:
    """Owns the observer and the books; lives in one thread."""

    def __init__(
        self, gate: Gate, observer: Observer, books: Books, fitting: Fitting, clock: Callable[[], float]
    ) -> None:
        self.gate = gate
        self.observer = observer
        self.books = books
        self.fitting = fitting
        self.clock = clock
        self.counts = Counts()
        self.noted: dict[str, Decision] = {}
        self.filling: Filling | None = None
        self.aides: list[Aide] = []
        self.post: Post = _call
        self.announce: Callable[[Alert], object] = _announce
        self._inbox: deque[Exchange] = deque()
        self._asks: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._sealed_s = 0.0

    def put(self, exchange: Exchange) -> None:
        """Take over one exchange; called where the response was sent, so it only queues and counts."""
        self._inbox.append(exchange)
        rows = exchange.query.rows if exchange.query else 1
        self.books.log.acknowledge(-(-max(rows, 1) // ROWS_PER_EVENT))

    @property
    def waiting(self) -> int:
        """Exchanges that are not metered yet."""
        return len(self._inbox)

    def ask(self, question: Callable[[], Any]) -> Future[Any]:
        """Run a function on the worker's thread between two micro-batches."""
        future: Future[Any] = Future()
        self._asks.append((question, future))
        return future

    def start(self, post: Post) -> None:
        """Begin to work; `post` hands calls back to the gate's thread."""
        self.post = post
        self._thread = threading.Thread(target=self._run, name="wellhead-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Meter what waits, seal the log, and end the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        aides, self.aides = self.aides, []
        for aide in aides:
            aide.stop()
        while self.turn():
            pass
        self.books.history.close()
        self.books.log.close(self._now_us())

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self.turn():
                time.sleep(TICK_S)

    def turn(self) -> bool:
        """One micro-batch, one fit taken up, the questions asked meanwhile, a seal when it is time; False when idle."""
        batch = [self._inbox.popleft() for _ in range(min(MOST, len(self._inbox)))]
        if batch:
            self._guarded(lambda: self._process(batch), len(batch))
        if self.fitting.ready:
            self._guarded(self._fitted, 0)
        while self._asks:
            question, future = self._asks.popleft()
            try:
                future.set_result(question())
            except Exception as e:
                future.set_exception(e)
        now_s = self.clock()
        for aide in self.aides:
            self._guarded(lambda a=aide: self.perform(a.turn(now_s)), 0)  # type: ignore[misc]
        if now_s - self._sealed_s >= self.books.seal_every_s:
            self._sealed_s = now_s
            self._guarded(lambda: self.books.log.seal(int(now_s * 1e6)), 0)
        return len(batch) >= MOST

    def _guarded(self, work: Callable[[], object], events: int) -> None:
        """Logging and metering fail open, with a counted gap: customers are served on."""
        try:
            work()
        except Exception:
            self.counts.lost += events
            traceback.print_exc(file=sys.stderr)
            now_us = self._now_us()
            try:
                self.books.log.append([Gap(time_us=now_us, since_us=now_us, events=events, reason="worker failure")])
            except Exception:
                traceback.print_exc(file=sys.stderr)

    def _now_us(self) -> int:
        return int(self.clock() * 1e6)

    def _process(self, exchanges: Sequence[Exchange]) -> None:
        """Log the exchanges, keep what a coming profile needs of them, meter and judge what was answered."""
        recorded = self.books.recorder.record(exchanges, self.observer.meter.profile if self.observer.meter else None)
        for x, made, code in zip(exchanges, recorded.events, recorded.codes, strict=True):
            self.fitting.see(x, made, code)
        events = [event for made in recorded.events for event in made]
        self.books.history.append(events, self.books.log.append(events))
        self.counts.requests += len(exchanges)
        self.counts.refused += sum(1 for x in exchanges if x.answer is None)
        self._check_fit(exchanges, recorded.codes)
        self._fill(exchanges, recorded.codes)
        for aide in self.aides:
            aide.see(exchanges, recorded.events)
        visits = visits_of(events)
        if not recorded.batches:
            self.observer.visit(visits)
        for number, batch in enumerate(recorded.batches):
            self.counts.rows += len(batch)
            self.perform(self.observer.observe(batch, self.clock(), None if number else visits))
            self.post(self._settle, list(zip(batch.names, batch.counts(), strict=True)))

    def _check_fit(self, exchanges: Sequence[Exchange], codes: Sequence[Codes | None]) -> None:
        """Say once, and count always, that answered rows do not fit the profile: they are logged but not metered."""
        if self.observer.meter is None:
            return
        unmetered = sum(
            x.query.rows for x, c in zip(exchanges, codes, strict=True) if x.query and x.answer and c is None
        )
        if unmetered and not self.counts.unmetered:
            said = "answered inputs do not fit the profile: it was fitted for another model or another form of input"
            print(f"wellhead: {said}; their rows are not metered", file=sys.stderr, flush=True)
        self.counts.unmetered += unmetered

    def _fill(self, exchanges: Sequence[Exchange], codes: Sequence[Codes | None]) -> None:
        """Let the reference set of a profile fitted on traffic grow until it is full."""
        meter = self.observer.meter
        if self.filling is None or meter is None:
            return
        self.filling.see(exchanges, codes, self.clock())
        renewed = self.filling.renewed(meter.profile)
        if renewed is not None:
            meter.profile = renewed
            self.books.save(renewed)
        if self.filling.full:
            self.filling = None

    def _settle(self, metered: list[tuple[str, int]]) -> None:
        for principal, rows in metered:
            self.gate.settle(principal, rows)

    def _fitted(self) -> None:
        """A profile is ready: code what was stored without one, then build every ledger that is due."""
        profile, held = self.fitting.take()
        self.filling = Filling(np.random.default_rng(self._now_us()))
        self.filling.see([h.exchange for h, _ in held], [codes for _, codes in held], self.clock())
        profile = self.filling.renewed(profile) or profile
        self.books.save(profile)
        records: list[Record] = [mark(profile, self._now_us())]
        records += [record for h, codes in held for record in coded(profile, h, codes)]
        self.books.history.append(records, self.books.log.append(records))
        self.perform(self.observer.fitted(profile, self.clock()))

    def perform(self, actions: Sequence[Action]) -> None:
        """Write alerts and decisions down, then put the decisions in force."""
        evidence = -1
        decisions = []
        for action in actions:
            if isinstance(action, Alert):
                evidence = self.books.log.append([action.finding])
                self.announce(action)
            elif isinstance(action, Decide):
                decisions.append(msgspec.structs.replace(action.decision, evidence=evidence))
        self.enact(decisions)

    def review(self, review: Review) -> int:
        """Log what people found a finding to be; returns how many decisions that lifted."""
        lifted = self.observer.review(review)
        self.books.log.append([review])
        self.enact(lifted)
        return len(lifted)

    def enact(self, decisions: Sequence[Decision]) -> None:
        """Log decisions and put them in force."""
        if decisions:
            self.books.log.append(decisions)
            self.take_up(decisions)

    def take_up(self, decisions: Sequence[Decision]) -> None:
        """Hand logged decisions to the gate: first all of them, then what their principals may still repeat."""
        for decision in decisions:
            if decision.lifted:
                self._forget(decision.uid)
            elif decision.simulated:
                self.noted[decision.principal] = decision
        real = [d for d in decisions if not d.simulated]
        for decision in real:
            self.post(self.gate.decide, decision)
        for principal in dict.fromkeys(d.principal for d in real if not d.lifted):
            known = frozenset(self.books.history.rows_of((principal,), 0.0).fingerprint.tolist())
            self.post(self.gate.remember, principal, known)

    def _forget(self, uid: str) -> None:
        """A decision was lifted: it is no longer noted, and nothing is to be lifted again."""
        self.observer.cases.lift(uid)
        for principal in [p for p, d in self.noted.items() if d.uid == uid]:
            del self.noted[principal]


def _call(function: Callable[..., object], *arguments: object) -> None:
    function(*arguments)


def _announce(alert: Alert) -> None:
    f = alert.finding
    noted = " (observe mode: noted only)" if f.simulated else ""
    more = len(f.members) - _SHOWN
    who = ", ".join(f.members[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    print(f"wellhead: {f.uid} {f.title}: {who + ': ' if who else ''}{f.detail}{noted}", file=sys.stderr, flush=True)
