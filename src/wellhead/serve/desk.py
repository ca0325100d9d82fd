"""Answers what the command line asks; runs on the worker's thread, between two micro-batches."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Decision, Stance
from wellhead.gate.observe import OPERATOR
from wellhead.serve.status import Ask, DecisionRow, Explanation, Reply, Standing, Status

if TYPE_CHECKING:
    from wellhead.serve.worker import Worker

_LONGEST_H = 24 * 366


class Desk:
    """Status, explanations and the operator's decisions. since_us: when this gate started."""

    def __init__(self, worker: Worker, model: str, since_us: int) -> None:
        self._worker = worker
        self._observer = worker.observer
        self._model = model
        self._since_us = since_us

    def answer(self, ask: Ask) -> Reply:
        """The reply to one Ask; raises ConfigError for a question that does not exist."""
        verbs = {
            "status": self._status,
            "explain": self._explain,
            "decisions": self._decisions,
            "decide": self._decide,
            "lift": self._lift,
        }
        if ask.ask not in verbs:
            raise ConfigError(f"expected one of {', '.join(verbs)}, got `{ask.ask}`")
        return verbs[ask.ask](ask)

    def _now_s(self) -> float:
        return self._worker.clock()

    def _status(self, ask: Ask) -> Reply:
        worker, observer = self._worker, self._observer
        shown = heapq.nlargest(ask.top, observer.rows, key=self._rank)
        meter = observer.meter
        return Reply(
            status=Status(
                mode="enforce" if worker.gate.policy.enforce else "observe",
                model=self._model,
                profile=meter.profile.id if meter else worker.fitting.progress,
                since_us=self._since_us,
                requests=worker.counts.requests,
                rows=worker.counts.rows,
                refused=worker.counts.refused,
                principals=len(observer.rows),
                watched=len(meter.watched) if meter else 0,
                findings=len(observer.findings),
                log_size=worker.books.log.size,
                waiting=worker.waiting,
                failed_closed=worker.gate.pipeline.failures,
                unmetered=worker.counts.unmetered,
                standings=tuple(self._standing(name) for name in shown),
            )
        )

    def _rank(self, name: str) -> tuple[float, int]:
        reading = self._observer.readings.get((name,))
        return (reading.drawn if reading else -1.0, self._observer.rows[name])

    def _standing(self, name: str) -> Standing:
        now_s = self._now_s()
        reading = self._observer.readings.get((name,))
        decision = self._strongest(name)
        read = (
            (reading.replication, reading.attainable, reading.floor, reading.drawn, reading.bits)
            if reading
            else (-1.0,) * 5
        )
        return Standing(
            name,
            self._observer.rows.get(name, 0),
            self._observer.sketches.view(name, now_s).volume_60s,
            *read,
            stance=Stance(decision.stance).name.lower() if decision else "allow",
            reason=decision.reason if decision else "",
            expires_us=decision.expires_us if decision else 0,
        )

    def _strongest(self, name: str) -> Decision | None:
        """The strongest decision in force; the gate's own look belongs to the gate's thread."""
        now_us = int(self._now_s() * 1e6)
        standing = self._worker.gate.decisions.get(name, ())
        return max((d for d in standing if d.in_force(now_us)), key=lambda d: d.stance, default=None)

    def _explain(self, ask: Ask) -> Reply:
        observer, name = self._observer, ask.principal
        if name not in observer.rows:
            raise ConfigError(f"expected a principal that has asked something, got `{name}`", "see `wellhead status`")
        groups = observer.groups.of([name])
        found = [f for f in observer.findings if name in f.members]
        policy = observer.policy
        return Reply(
            explanation=Explanation(
                standing=self._standing(name),
                unique_ratio=observer.sketches.view(name).unique_ratio,
                signals=tuple(s.detail for s in observer.hits.get(name, ())),
                shares_with=tuple(sorted({m for g in groups for m in g.members} - {name})),
                findings=tuple(f"{f.uid}: {f.title}: {f.detail}" for f in found),
                limit=observer.limit.max_drawn if name not in policy.allow else 1.0,
            )
        )

    def _decisions(self, ask: Ask) -> Reply:  # noqa: ARG002 - every verb takes the Ask
        now_us = int(self._now_s() * 1e6)
        noted = [d for d in self._worker.noted.values() if d.expires_us > now_us]
        standing = [d for decisions in list(self._worker.gate.decisions.values()) for d in decisions]
        rows = [d for d in standing if d.in_force(now_us)] + noted
        return Reply(
            decisions=tuple(
                DecisionRow(
                    d.uid,
                    d.principal,
                    Stance(d.stance).name.lower(),
                    d.origin,
                    d.reason,
                    d.expires_us,
                    bool(d.simulated),
                )
                for d in sorted(rows, key=lambda d: d.principal)
            )
        )

    def _decide(self, ask: Ask) -> Reply:
        if ask.stance.upper() not in Stance.__members__:
            raise ConfigError(
                f"expected a stance, got `{ask.stance}`", f"known: {', '.join(Stance.__members__).lower()}"
            )
        if not 0 < ask.hours <= _LONGEST_H:
            raise ConfigError(f"expected hours between 0 and {_LONGEST_H}, got {ask.hours:g}", "every decision expires")
        now_us = int(self._now_s() * 1e6)
        stance = Stance[ask.stance.upper()]
        decision = Decision(
            uid=f"D-{now_us}-{ask.principal}",
            principal=ask.principal,
            stance=int(stance),
            reason=ask.reason,
            origin=OPERATOR,
            start_us=now_us,
            expires_us=now_us + int(ask.hours * 3.6e9),
            exposure=int(Exposure.LABEL if stance is Stance.REDUCE else Exposure.VALUE),
        )
        self._worker.enact([decision])
        return Reply(done=f"{ask.principal}: {ask.stance} for {ask.hours:g} hours")

    def _lift(self, ask: Ask) -> Reply:
        now_us = int(self._now_s() * 1e6)
        standing = self._strongest(ask.principal)
        if standing is None:
            raise ConfigError(
                f"expected a principal with a decision in force, got `{ask.principal}`", "see `wellhead decisions list`"
            )
        lifted = Decision(
            uid=standing.uid,
            principal=ask.principal,
            stance=standing.stance,
            reason=ask.reason,
            origin=OPERATOR,
            start_us=now_us,
            expires_us=standing.expires_us,
            lifted=1,
        )
        self._worker.enact([lifted])
        return Reply(done=f"{ask.principal}: lifted; the valve will not close by itself before the old decision's end")
