"""Answers what the command line asks; runs on the worker's thread, between two micro-batches."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.core.event import Mark
from wellhead.core.finding import Finding, Review
from wellhead.core.verdict import Decision, Stance
from wellhead.defend.own.commitment import read
from wellhead.detect.promise import announced, segment_sizes
from wellhead.gate.cases import HONEST, OPERATOR, THEFT, sentences
from wellhead.gate.suspects import cold
from wellhead.serve.linking import Linking
from wellhead.serve.refit import Refitting
from wellhead.serve.status import (
    ALARMED,
    Acting,
    Ask,
    DecisionRow,
    Explanation,
    FindingRow,
    Promised,
    Reply,
    SegmentRow,
    Standing,
    Status,
)

if TYPE_CHECKING:
    from wellhead.detect.link.campaign import Campaign
    from wellhead.meter.reading import Reading
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
            "findings": self._findings,
            "find": self._find,
            "review": self._review,
            "note": self._note,
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
                failed_closed=worker.gate.shaping.faults.count,
                last_failure=worker.gate.shaping.faults.last,
                unmetered=worker.counts.unmetered,
                standings=tuple(self._standing(name) for name in shown),
                promise=self._promised(),
                campaigns=tuple(acting(c, r) for c, r in observer.campaigns.standing[: ask.top]),
            )
        )

    def _rank(self, name: str) -> tuple[bool, float, float, int]:
        """Guilt that is established first, then what was drawn, then how unlike honest principals it is."""
        reading = self._observer.damage.readings.get((name,))
        suspicion = self._observer.suspects.standing(name)
        drawn = reading.drawn if reading else -1.0
        return (suspicion.alarmed, drawn, -abs(suspicion.p), self._observer.rows[name])

    def _standing(self, name: str) -> Standing:
        now_s, observer = self._now_s(), self._observer
        reading = observer.damage.readings.get((name,))
        decision = self._strongest(name)
        suspicion = observer.suspects.standing(name)
        standing = Standing(
            name,
            observer.rows.get(name, 0),
            observer.sketches.view(name, now_s).volume_60s,
            stance=Stance(decision.stance).name.lower() if decision else "allow",
            reason=decision.reason if decision else "",
            expires_us=decision.expires_us if decision else 0,
            p=suspicion.p,
            segment=suspicion.segment,
            word=ALARMED if suspicion.alarmed else suspicion.word,
        )
        if reading is None:
            return standing
        return msgspec.structs.replace(
            standing,
            replication=reading.replication,
            attainable=reading.attainable,
            floor=reading.floor,
            drawn=reading.drawn,
            bits=reading.bits,
            by=reading.by,
            at_least=reading.at_least,
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
        groups = observer.damage.groups.of([name])
        policy, campaign = observer.policy, observer.campaigns.of(name)
        return Reply(
            explanation=Explanation(
                standing=self._standing(name),
                unique_ratio=observer.sketches.view(name).unique_ratio,
                signals=tuple(s.detail for s in observer.hits.get(name, ())),
                shares_with=tuple(sorted({m for g in groups for m in g.members} - {name})),
                findings=tuple(self._said(f) for f in observer.cases.of(name)),
                limit=observer.damage.limit.max_drawn if name not in policy.allow else 1.0,
                evidence=tuple(sentences(observer.suspects.evidence(name))),
                campaign=tuple(m for m in campaign.members if m != name) if campaign else (),
                campaign_reasons=campaign.reasons if campaign else (),
                acting=next((acting(c, r) for c, r in observer.campaigns.standing if c is campaign), None),
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
            exposure=int(self._observer.policy.exposure_of(stance)),
        )
        self._worker.enact([decision])
        return Reply(done=f"{ask.principal}: {ask.stance} for {ask.hours:g} hours")

    def _lift(self, ask: Ask) -> Reply:
        now_us = int(self._now_s() * 1e6)
        standing = [d for d in self._worker.gate.decisions.get(ask.principal, ()) if d.in_force(now_us)]
        if not standing:
            raise ConfigError(
                f"expected a principal with a decision in force, got `{ask.principal}`", "see `wellhead decisions list`"
            )
        self._worker.enact(
            [
                msgspec.structs.replace(d, lifted=1, origin=OPERATOR, reason=ask.reason, start_us=now_us)
                for d in standing
            ]
        )
        return Reply(done=f"{ask.principal}: lifted; the valve will not close by itself before the old decision's end")

    def _promised(self) -> Promised:
        """What may be relied on now, in words."""
        suspects, aides = self._observer.suspects, self._worker.aides
        promise, standing = suspects.promise, suspects.kept()
        rows = (
            [SegmentRow(s, promise.word(s), n, *promise.interval(s)) for s, n in segment_sizes(promise).items()]
            if promise
            else []
        )
        return Promised(
            said=announced(promise, promise) if promise else cold(suspects.seen()),
            budget=str(promise.budget) if promise else "",
            segments=tuple(rows),
            kept=str(standing) if standing and standing.principals else "",
            broken=bool(standing and standing.broken),
            drifted=suspects.drifted,
            campaigns=len(self._observer.campaigns.standing),
            looks=sum(a.looks for a in aides if isinstance(a, Linking)),
            refits=sum(a.refits for a in aides if isinstance(a, Refitting)),
        )

    def _said(self, finding: Finding) -> str:
        review = self._observer.cases.reviews.get(finding.uid)
        closed = f" (closed as {review.verdict})" if review else ""
        return f"{finding.uid}: {finding.title}: {finding.detail}{closed}"

    def _row(self, finding: Finding) -> FindingRow:
        review = self._observer.cases.reviews.get(finding.uid)
        return FindingRow(finding, review.verdict, review.reason) if review else FindingRow(finding)

    def _findings(self, ask: Ask) -> Reply:
        """The newest first."""
        rows = [self._row(f) for f in self._observer.findings[::-1]]
        return Reply(findings=tuple(r for r in rows if not (r.verdict and ask.verdict == "open"))[: ask.top])

    def _find(self, ask: Ask) -> Reply:
        return Reply(findings=(self._row(self._observer.cases.find(ask.finding)),))

    def _review(self, ask: Ask) -> Reply:
        if ask.verdict not in (THEFT, HONEST):
            raise ConfigError(f"expected {THEFT} or {HONEST}, got `{ask.verdict}`")
        now_us = int(self._now_s() * 1e6)
        before = self._observer.cases.reviews.get(ask.finding)
        review = Review(finding=ask.finding, time_us=now_us, verdict=ask.verdict, reason=ask.reason)
        lifted = self._worker.review(review)
        was = f"; it was closed as {before.verdict}" if before else ""
        more = f"; {lifted} decision{'s' * (lifted != 1)} lifted" if lifted else ""
        kept = "; what was lifted stays lifted" if before and (before.verdict, ask.verdict) == (HONEST, THEFT) else ""
        return Reply(done=f"{ask.finding}: closed as {ask.verdict}{was}{more}{kept}")

    def _note(self, ask: Ask) -> Reply:
        """An entry on ownership, under a checkpoint when this returns."""
        read(ask.reason)
        now_us = int(self._now_s() * 1e6)
        self._worker.books.log.append([Mark(time_us=now_us, what="ownership", detail=ask.reason)])
        self._worker.books.log.seal(now_us)
        return Reply(done="noted")


def acting(campaign: Campaign, reading: Reading | None) -> Acting:
    """A campaign as it is shown: what its members have drawn together, and why they are one."""
    drawn = (reading.replication, reading.attainable, reading.bits) if reading else (-1.0, -1.0, -1.0)
    rows = reading.rows if reading else campaign.rows
    return Acting(campaign.members, rows, *drawn, campaign.p_value, campaign.comparison, campaign.reasons)
