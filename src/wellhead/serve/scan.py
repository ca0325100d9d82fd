"""Any amount of history, read once, with the detectors and rules of the live gate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from wellhead.capture.importers.blocks import Progress
from wellhead.capture.importers.columns import Imported
from wellhead.core.errors import ConfigError, ProfileError
from wellhead.core.finding import Evidence
from wellhead.detect.detectors import Detectors
from wellhead.detect.guilt import Alarm, Guilt, evidence
from wellhead.detect.link.campaign import Campaign
from wellhead.detect.looks import FIRST_ROWS, Looking, Looks
from wellhead.detect.promise import Promise, announced
from wellhead.detect.signal import Context
from wellhead.meter.ledger import Ledger
from wellhead.meter.reading import Reading, read
from wellhead.meter.sketch import Sketches
from wellhead.serve import scan_unlike
from wellhead.serve.scan_draw import Spool, ledgers, union
from wellhead.serve.scan_found import drawn_too_much, guilty, linked, ruled
from wellhead.serve.scan_link import campaigns
from wellhead.serve.scan_sources import blocks, sources
from wellhead.serve.scan_totals import Totals
from wellhead.serve.scan_watch import Watcher, by_period
from wellhead.serve.scan_words import Question, Scanned, Watched

_AT_ONCE = 8192
RANKED = 100_000
"""Principals, those with most rows, among whom the unlike are sought."""
UNJUDGED = (
    "no --population of `wellhead calibrate`; one taken from this log would hold the very principals that it is to "
    "judge"
)
UNCODED = "no row is coded: a --profile, and a log that holds inputs or codes of it, are needed"
WATCH_ROWS = 128
"""Rows that make a ledger worth summing without any other reason; as live."""


def scan(question: Question, progress: Progress | None = None, now_s: float | None = None) -> Scanned:
    """Read the logs and say what was found.

    now_s: later times are clocks that are wrong. Raises StoreError for a file that cannot be read, ConfigError for a
    format that is not known or a promise over other detectors.
    """
    one = _Scan(question, progress, time.time() if now_s is None else now_s)
    try:
        return one.run()
    finally:
        one.spool.close()


class _Scan:
    """One scan while it runs."""

    def __init__(self, question: Question, progress: Progress | None, now_s: float) -> None:
        self.question = question
        self.found = Scanned()
        self.rows: dict[str, int] = {}
        self._progress, self._now_s = progress, now_s
        profile = question.profile
        space = None if profile is None else profile.space
        context = Context.of(space, question.cohort)
        self.detectors = Detectors(context=context)
        self.watcher = Watcher(self.detectors, question.rules, bool(question.cohort))
        self.guilt = None if question.promise is None else Guilt(_fitting(question.promise, self.detectors))
        self.looking = _looking(question, self.watcher, Sketches(space))
        self.alarms: list[tuple[Alarm, tuple[Evidence, ...]]] = []
        self.totals = Totals(self.looking)
        self.groups = sources(question, self.found)
        self.spool = Spool()

    def run(self) -> Scanned:
        """Read, look, rank, sum, link."""
        self._read()
        found = self.found
        found.coded = self.spool.rows
        self.rows = self.totals.done()
        found.principals, found.periods = len(self.rows), self.totals.periods
        found.promise = announced(self.question.promise)
        with self._stage("ranking"):
            found.watching = self._unlike()
        with self._stage("linking"):
            linkage = self._link()
        held = self._draw([m for c in linkage for m in c.members])
        found.silent |= self.watcher.silent()
        profile = self.question.profile
        with self._stage("readings"):
            self._conclude({} if profile is None else {name: read(held[name], profile) for name in held})
            for c in linkage:
                found.findings.append(
                    linked(c, None if profile is None else union(profile, held, c.members), self._uid())
                )
        return found

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        begun = time.process_time()
        yield
        self.found.stages[name] = self.found.stages.get(name, 0.0) + time.process_time() - begun

    def _read(self) -> None:
        for block in blocks(self.question, self.groups, self.found, self._now_s, self._progress, self._stage):
            self._take(block)

    def _take(self, block: Imported) -> None:
        """Fold one block, and judge the looks that it made due."""
        batch = block.batch
        self.watcher.held.notice(batch, block.visits)
        if self.question.ledgers:
            with self._stage("laying aside"):
                self.spool.add(batch)
        for rows, visits in by_period(batch, block.visits, self.looking):
            with self._stage("folding and looking"):
                self.totals.before(rows, visits)
                looks = self.looking.fold(rows, visits)
            if self.guilt is not None:
                with self._stage("judging"):
                    self._judge(self.guilt, looks)

    def _judge(self, guilt: Guilt, looks: Looks) -> None:
        for alarm in guilt.fold(looks):
            shown = evidence(guilt.promise, self.detectors, looks.values[alarm.look], alarm.rows)
            self.alarms.append((alarm, shown))

    def _unlike(self) -> list[Watched]:
        """The principals that differ most from the others, in the last period."""
        rows = sorted(self.looking.rows.items(), key=lambda item: (-item[1], item[0]))[:RANKED]
        names = [name for name, n in rows if n >= FIRST_ROWS]
        if len(names) < scan_unlike.LEAST or not self.question.watched:
            return []
        parts = [self._values(names[i : i + _AT_ONCE]) for i in range(0, len(names), _AT_ONCE)]
        values = np.concatenate(parts)
        scores = scan_unlike.far(values, self.detectors.sides)
        unlike, ranges = scan_unlike.ranked(scores, self.detectors.kinds), scan_unlike.usual(values)
        best = np.argsort(-unlike, kind="stable")[: self.question.watched]
        return [
            Watched(
                principal=names[i],
                rows=self.looking.rows[names[i]],
                unlike=round(float(unlike[i]), 2),
                evidence=scan_unlike.strongest(self.detectors, values[i], scores[i], ranges),
            )
            for i in best.tolist()
            if unlike[i] > 0
        ]

    def _values(self, names: Sequence[str]) -> Any:
        return self.watcher.values(self.looking.sketches.columns(names, None))

    def _link(self) -> list[Campaign]:
        """Campaigns among the principals of the last period; none without a population to judge them by."""
        population = self.question.population
        if population is None:
            self.found.unsought = UNJUDGED
        elif not self.found.coded:
            self.found.unsought = UNCODED
        return [] if population is None or self.found.unsought else campaigns(self.looking, population)

    def _draw(self, members: Sequence[str]) -> dict[str, Ledger]:
        """The ledgers of whoever stands out, then of those with most rows."""
        profile, most = self.question.profile, self.question.ledgers
        if profile is None or not self.spool.rows:
            return {}
        first = [*(a.principal for a, _ in self.alarms), *self.watcher.hits, *members]
        wanted = dict.fromkeys([*first, *(w.principal for w in self.found.watching)])
        by_rows = sorted(self.rows, key=lambda n: -self.rows[n])
        wanted |= dict.fromkeys(n for n in by_rows[:most] if self.rows[n] >= WATCH_ROWS)
        with self._stage("ledgers"):
            try:
                return ledgers(profile, self.spool, list(wanted)[:most])
            except ProfileError as e:
                self.found.silent["replication"] = str(e)
                return {}

    def _conclude(self, drawn: dict[str, Reading]) -> None:
        """Findings: alarms at their promise, rules, and what was drawn beyond the limit."""
        for alarm, shown in self.alarms:
            self.found.findings.append(guilty(alarm, shown, drawn.get(alarm.principal), self._uid()))
        accused = {alarm.principal for alarm, _ in self.alarms}
        for name, hits in self.watcher.hits.items():
            if name not in accused:
                self.found.findings.append(ruled(name, list(hits.values()), drawn.get(name), self._uid()))
        for name, reading in drawn.items():
            if reading.drawn >= self.question.max_drawn and name not in accused and name not in self.watcher.hits:
                self.found.findings.append(drawn_too_much(name, reading, self._uid()))

    def _uid(self) -> str:
        return f"S-{int(self._now_s)}-{len(self.found.findings) + 1}"


def _looking(question: Question, watcher: Watcher, sketches: Sketches) -> Looking:
    """Periods as the promise was made for them, where there is one."""
    promise = question.promise
    if promise is None:
        return Looking(watcher, sketches, question.period_days, question.segments)
    return Looking(watcher, sketches, promise.budget.period_days, question.segments, promise.origin_s)


def _fitting(promise: Promise, detectors: Detectors) -> Promise:
    """The promise, where it was made over these detectors."""
    if promise.names != detectors.names:
        differ = sorted(set(promise.names) ^ set(detectors.names))
        raise ConfigError(
            f"expected a promise over the detectors that are installed, got one that differs in "
            f"{', '.join(differ) or 'their order'}",
            "make it anew with `wellhead calibrate`",
        )
    return promise
