"""Findings, what people found them to be, and whom they closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from wellhead.core.errors import ConfigError
from wellhead.core.finding import Action, Alert, Decide, Evidence, Finding, Review
from wellhead.core.verdict import Decision, Stance
from wellhead.gate.policy import Policy
from wellhead.meter.reading import Reading

OPERATOR = "operator"
"""Origin of decisions that people made."""
GRADE = "grade"
"""Origin of decisions that the adaptive policy made, without a finding."""
THEFT, HONEST = "theft", "honest"
"""What people can find a finding to be."""
SUSPECTED = "Model extraction suspected"
SHOWN = 5
"""Pieces of evidence in a finding."""


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a finding rests on; fields as in Finding. p: -1 where there is none.

    stance: what its members meet; up to WATCH people are told, and nothing is decided.
    """

    signal: str
    detail: str
    title: str = SUSPECTED
    evidence: tuple[Evidence, ...] = ()
    sure: str = ""
    segment: str = ""
    p: float = -1.0
    atlas: tuple[str, ...] = ("AML.T0024.002",)
    stance: Stance = Stance.THROTTLE


class Cases:
    """All findings so far.

    closed: principals whose valve is closed, each with the time at which that ends, seconds since 1970.
    reviews: of findings, by uid.  made: decisions that findings or grades asked for and nobody has lifted, by uid.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.findings: list[Finding] = []
        self.closed: dict[str, float] = {}
        self.reviews: dict[str, Review] = {}
        self.made: dict[str, Decision] = {}

    def open(
        self, ground: Ground, members: tuple[str, ...], reading: Reading | None, rows: int, now_s: float
    ) -> list[Action]:
        """Make a finding: an alert, and a decision for each member that nothing holds yet.

        rows: of the members, where there is no reading that says it.
        """
        now_us = int(now_s * 1e6)
        finding = Finding(
            uid=f"F-{now_us}-{len(self.findings) + 1}",
            time_us=now_us,
            title=ground.title,
            signal=ground.signal,
            members=members,
            rows=reading.rows if reading else rows,
            replication_ppm=int(reading.replication * 1e6) if reading else -1,
            attainable_ppm=int(reading.attainable * 1e6) if reading else -1,
            bits_milli=int(reading.bits * 1e3) if reading else -1,
            detail=ground.detail,
            evidence=ground.evidence[:SHOWN],
            sure=ground.sure,
            segment=ground.segment,
            p_ppm=round(ground.p * 1e6) if ground.p >= 0 else -1,
            atlas=ground.atlas,
            simulated=int(not self.policy.enforce),
            at_least=int(reading is not None and reading.at_least),
        )
        self.findings.append(finding)
        if ground.stance <= Stance.WATCH:
            return [Alert(finding)]
        return [
            Alert(finding),
            *(Decide(self._decide(m, finding, ground.stance)) for m in self.open_of(members, now_s)),
        ]

    def open_of(self, members: Iterable[str], now_s: float) -> tuple[str, ...]:
        """Those of the members that a decision could close: not closed already, not allowed by the operator."""
        return tuple(m for m in members if self.closed.get(m, 0.0) <= now_s and m not in self.policy.allow)

    def _decide(self, member: str, finding: Finding, stance: Stance) -> Decision:
        """Throttle new inputs, or reduce what answers give away, until it expires."""
        until_s = finding.time_us / 1e6 + self.policy.closed_for_s
        if stance >= Stance.THROTTLE:
            self.closed[member] = until_s
        decision = Decision(
            uid=f"{finding.uid}-{member}",
            principal=member,
            stance=int(stance),
            reason=finding.detail,
            origin=finding.signal,
            start_us=finding.time_us,
            expires_us=int(until_s * 1e6),
            exposure=int(self.policy.exposure_of(stance)),
            simulated=finding.simulated,
            subjects=finding.members,
        )
        self.made[decision.uid] = decision
        return decision

    def restore(self, record: Finding | Decision | Review) -> None:
        """Take up what an earlier run had decided.

        A closing that the valve decided holds until its time is over, also where an operator lifted it: the operator
        has spoken. What observe mode only noted does not hold in enforce mode; an operator's decisions close nothing.
        """
        if isinstance(record, Finding):
            self.findings.append(record)
        elif isinstance(record, Review):
            self.reviews[record.finding] = record
        elif record.lifted:
            self.lift(record.uid)
        elif record.origin != OPERATOR:
            self.made[record.uid] = record
            noted = record.simulated and self.policy.enforce
            if record.stance >= Stance.THROTTLE and record.origin != GRADE and not noted:
                self.closed[record.principal] = record.expires_us / 1e6

    def review(self, review: Review) -> list[Decision]:
        """What people found a finding to be. Lifts the decisions of one that accused the honest.

        Raises ConfigError where there is no such finding.
        """
        finding = self.find(review.finding)
        self.reviews[review.finding] = review
        if review.verdict != HONEST:
            return []
        now_us, mine = review.time_us, [d for d in self.made.values() if d.uid.startswith(f"{finding.uid}-")]
        for decision in mine:
            self.lift(decision.uid)
        return [
            msgspec.structs.replace(d, lifted=1, origin=OPERATOR, start_us=now_us)
            for d in mine
            if d.expires_us > now_us
        ]

    def lift(self, uid: str) -> None:
        """A decision holds no longer; nothing where it is none that a finding made."""
        self.made.pop(uid, None)

    def held(self, now_s: float) -> frozenset[str]:
        """Those whom a finding or a grade really keeps from new inputs now: not noted only, not lifted, not over."""
        return frozenset(
            d.principal
            for d in self.made.values()
            if not d.simulated and d.stance >= Stance.THROTTLE and d.expires_us > now_s * 1e6
        )

    def find(self, uid: str) -> Finding:
        """The finding of this uid; raises ConfigError where there is none."""
        found = next((f for f in self.findings if f.uid == uid), None)
        if found is None:
            raise ConfigError(f"expected the uid of a finding, got `{uid}`", "see `wellhead findings list`")
        return found

    def of(self, name: str) -> list[Finding]:
        """The findings that a principal is a member of."""
        return [f for f in self.findings if name in f.members]


def sentences(evidence: Sequence[Evidence | str]) -> list[str]:
    """Evidence in plain words, one piece a line, with the honest range beside each."""
    return [e if isinstance(e, str) else e.said + e.beside for e in evidence]
