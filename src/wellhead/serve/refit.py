"""Watched principals read by real learners, in a process of their own: what a ledger's simple clone cannot see.

A ridge clone under-reads labels told to noise, and models that only trees or networks can follow. The learners train on
what a principal asked: on its codes, and on the raw inputs that are kept in memory. They are judged on the profile's
reference set, as the ledger's clone is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from wellhead import plugins
from wellhead.core.arrays import Array
from wellhead.core.batch import Batch
from wellhead.core.codec import log_scores
from wellhead.core.errors import MissingExtra, WellheadError
from wellhead.core.finding import Action
from wellhead.gate.quota import DAY_S
from wellhead.meter import pack
from wellhead.meter.profile import Profile
from wellhead.meter.selfcheck import agreement
from wellhead.serve.raw import Raw, seen, told

if TYPE_CHECKING:
    from wellhead.core.event import Event, Exchange
    from wellhead.gate.observe import Observer

EVERY_S = 1.0
"""Between two looks for somebody to refit."""
FIRST, GROWTH = 64, 1.5
"""Different inputs from which a refit is worth its time, and the factor by which they must have grown for another."""
MOST_ROWS = 4_000
"""Rows that learners are given, the latest."""
LIMIT_S = 120.0
"""Seconds after which what the learners have reached so far is taken."""
_NICE = 10
_WHAT, _MODULE = "refit", "wellhead.serve.refit"
_MARGIN = 0.005
"""A refit that is better by less than this is chance."""


class Work(msgspec.Struct, frozen=True):
    """One refit in flight, or done: share is what the best learner reproduced, -1 where none did."""

    members: tuple[str, ...]
    different: int
    share: float = -1.0


class Refitting:
    """Refits one principal after the other, whenever it has asked enough that is new.

    limit_s: seconds for all learners of one refit together.
    """

    def __init__(self, observer: Observer, limit_s: float = LIMIT_S) -> None:
        self._observer = observer
        self._limit_s = limit_s
        self._done: dict[tuple[str, ...], int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._result: Work | None = None
        self._stopping = False
        self._next_s = 0.0
        self.raw = Raw()
        self.refits = 0
        self.error = ""

    def turn(self, now_s: float) -> Sequence[Action]:
        """Take up a refit that is over, or begin the next; cheap where there is nothing to do."""
        if self._thread is not None:
            return self._take(now_s) if not self._thread.is_alive() else ()
        meter = self._observer.meter
        if meter is None or self.error or now_s < self._next_s:
            return ()
        self._next_s = now_s + EVERY_S
        self.raw.names = self._observer.far_out()
        work = self._next(now_s)
        if work is not None:
            since_s = now_s - self._observer.policy.window_days * DAY_S
            self._thread = threading.Thread(
                target=self._run, args=(work, meter.profile, since_s), name="wellhead-refit", daemon=True
            )
            self._thread.start()
        return ()

    def see(self, exchanges: Sequence[Exchange], events: Sequence[Sequence[Event]]) -> None:
        """Hear what was asked and answered."""
        meter = self._observer.meter
        if meter is not None:
            self.raw.see(exchanges, events, meter.profile)

    def stop(self) -> None:
        """Give up what is in flight."""
        self._stopping = True
        process = self._process
        if process is not None:
            process.kill()
        self.wait()

    def wait(self) -> None:
        """Block until the refit in flight is over."""
        if self._thread is not None:
            self._thread.join()

    def _next(self, now_s: float) -> Work | None:
        """Whoever has grown most since it was refitted last; whoever is kept from new inputs cannot grow."""
        damage, held = self._observer.damage, self._observer.cases.held(now_s)
        subjects = [m for m in damage.readings if held.isdisjoint(m)]
        grown = [(damage.different(m) / max(self._done.get(m, 0), FIRST / GROWTH), m) for m in subjects]
        most, members = max(grown, default=(0.0, ()))
        return Work(members, damage.different(members)) if most >= GROWTH else None

    def _take(self, now_s: float) -> Sequence[Action]:
        work, self._result, self._thread = self._result, None, None
        if work is None:
            return ()
        self.refits += 1
        self._done[work.members] = work.different
        reading = self._observer.damage.readings.get(work.members)
        if reading is None or work.share <= reading.replication + _MARGIN:
            return ()
        self._observer.damage.refitted(work.members, work.share, now_s)
        return self._observer.damage.judge(work.members, now_s, self._observer.hits)

    def _run(self, work: Work, profile: Profile, since_s: float) -> None:
        """In its own thread: history, then the process; what fails there is said once, and that one is passed over."""
        share = -1.0
        try:
            batch = self._observer.damage.recall(work.members, since_s, profile.id)
            if len(batch) and not self._stopping:
                share = self._learn(pack.dump(_WHAT, task(batch, profile, self.raw.of(work.members))))
        except Exception as e:
            print(f"wellhead: a refit failed: {e}", file=sys.stderr, flush=True)
        self._result = Work(work.members, work.different, share)

    def _learn(self, sent: bytes) -> float:
        """The best that the process says to a task, as far as it came in time; -1 where it said nothing."""
        command = [sys.executable, "-m", _MODULE]
        quiet = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        # left by `with`, which closes the pipes of one that was killed before it had read its task
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=quiet) as process:  # noqa: S603 - ours
            self._process = process
            try:
                # whoever stopped while the process was born had nothing to kill
                said, wrong = process.communicate(sent, 0.0 if self._stopping else self._limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                said, wrong = process.communicate()
        if process.returncode > 0:
            self.error = wrong.decode(errors="replace").strip().rpartition("\n")[2]
            raise WellheadError(f"{self.error}; readings are those of the ledgers alone from here on")
        return max(map(float, said.splitlines()), default=-1.0)


def task(batch: Batch, profile: Profile, raw: dict[int, Array]) -> dict[str, Any]:
    """What the process needs: inputs as far as they are known, what was answered, and the reference set."""
    latest = np.sort(np.unique(batch.fingerprint[::-1], return_index=True)[1])[:MOST_ROWS]
    rows = batch.take(len(batch) - 1 - latest)
    inputs, known = seen(rows, profile, raw)
    asked = [_asked(told(rows.codes, profile), rows, profile)]
    # clipped inputs of all rows may teach more than true ones of some: a thief may clip too
    if known.any() and (raw or not known.all()):
        asked.append(_asked(inputs[known], rows.take(known), profile))
    return {"asked": asked, "reference": told(profile.reference.codes, profile), "truth": profile.reference.truth}


def _asked(inputs: Array, rows: Batch, profile: Profile) -> dict[str, Any]:
    answers = {"values": rows.values} if profile.regressor else _answers(rows, profile.classes)
    return {"inputs": inputs, "told": answers}


def _answers(rows: Batch, classes: int) -> dict[str, Array]:
    """Labels, and probabilities where rows carried them; where many classes were cut to the best, those."""
    found = {"labels": rows.top1}
    if rows.scores.size:
        p = np.exp(log_scores(rows.scores))
        if rows.score_classes.size:
            wide = np.zeros((len(rows), max(classes, int(rows.score_classes.max()) + 1)))
            np.put_along_axis(wide, rows.score_classes.astype(np.int64), p, axis=1)
            p = wide
        served = np.asarray(rows.scores > 0).any(axis=1, keepdims=True)
        found["scores"] = np.where(served, p / p.sum(axis=1, keepdims=True), 0.0)
    return found


def learn(record: Mapping[str, Any]) -> Iterator[float]:
    """The share of the reference set that each learner reproduces, trained on each thing that was told, one by one.

    Learners that need packages which are not there are passed over.
    """
    for name in plugins.names("learners"):
        try:
            learner = plugins.find("learners", name)
        except MissingExtra:
            continue
        for asked in record["asked"]:
            for kind, targets in asked["told"].items():
                known = _known(kind, targets)
                if known.sum() >= 2:
                    clone = learner(asked["inputs"][known], targets[known], 0)
                    yield agreement(np.asarray(clone.predict(record["reference"])), record["truth"])


def _known(kind: str, targets: Array) -> Array:
    """(n,) bool: rows that this kind of answer was given to."""
    if kind == "scores":
        return np.asarray(targets.any(axis=1))
    return np.asarray(targets >= 0 if kind == "labels" else np.isfinite(targets))


def main() -> None:
    """One task on standard input, the shares on standard output as they come: what is cut off is not lost."""
    os.nice(_NICE)
    for share in learn(pack.load(_WHAT, sys.stdin.buffer.read())):
        print(share, flush=True)


if __name__ == "__main__":
    main()
