"""The gate: admit a query, shape its answer, observe what happened.

It does no I/O, reads no clock and rolls no dice: customers, drills and the red team's oracle call the same verbs.
"""

from __future__ import annotations

import msgspec

from wellhead.core.event import Answer, Caller, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Decision, Stance, Verdict
from wellhead.defend.pipeline import Pipeline
from wellhead.gate.policy import Policy, Terms
from wellhead.gate.quota import Tally, take
from wellhead.gate.record import fingerprints

_STATUS = {Stance.CHALLENGE: 429, Stance.THROTTLE: 429, Stance.BLOCK: 403, Stance.SUSPEND: 403, Stance.REVOKE: 403}
_TOLD = {429: "too many new inputs; what you asked before is still answered", 403: "access is closed"}
_DELAY_S = 1.0
_LONGEST_WAIT_S = 3_600.0


class Gate:
    """Policy, and the memory that it needs of each principal.

    key: secret of the input fingerprints.  Call admit and release from one thread; decide may come from another.
    """

    def __init__(self, policy: Policy, pipeline: Pipeline, key: bytes) -> None:
        self.policy = policy
        self.pipeline = pipeline
        self.key = key
        self.tallies: dict[str, Tally] = {}
        self.everyone = Tally()
        self.decisions: dict[str, tuple[Decision, ...]] = {}
        self._known: dict[str, frozenset[int]] = {}
        self._cost = (policy.global_per_row_s, policy.global_burst_rows)

    def admit(self, caller: Caller, query: Query, now_s: float) -> Verdict:
        """May this query pass, and how much may its answer give away?

        Rows are reserved for a query that passes: `settle` them once metered, `release` them if nothing was answered.
        """
        terms = self.policy.terms(caller.plan)
        tally = self.tallies.get(caller.principal)
        if tally is None:
            tally = self.tallies[caller.principal] = Tally()
        verdict = self._stance(caller.principal, query, terms, now_s) if self.decisions else None
        if verdict is None or verdict.passes:
            limited = self._limit(tally, query.rows, terms, now_s)
            verdict = limited or verdict or terms.passing
        if self.policy.enforce:
            return verdict
        if not verdict.passes:
            tally.unread_rows += query.rows
        return Verdict(Stance.ALLOW, Exposure.VALUE, reason=verdict.reason, would=verdict.stance)

    def _limit(self, tally: Tally, rows: int, terms: Terms, now_s: float) -> Verdict | None:
        """The refusal that a limit asks for, or None with the rows reserved."""
        if terms.max_rows and rows > terms.max_rows:
            return Verdict(
                Stance.BLOCK, Exposure.NONE, 413, f"expected at most {terms.max_rows} rows a request, got {rows}"
            )
        full, wait = take(tally, self.everyone, terms, rows, now_s, self._cost)
        return Verdict(Stance.THROTTLE, Exposure.NONE, 429, f"limit reached: {full}", wait) if full else None

    def _stance(self, principal: str, query: Query, terms: Terms, now_s: float) -> Verdict | None:
        """What a decision in force says to this query, or None where there is none that bites."""
        decision = self.decision(principal, now_s)
        if decision is None or principal in self.policy.allow:
            return None
        stance = Stance(decision.stance)
        if stance is Stance.THROTTLE and self._repeats(principal, query):
            stance = Stance.WATCH
        fair = terms.passing
        allowed = min(fair.exposure, Exposure(decision.exposure)) if stance >= Stance.REDUCE else fair.exposure
        status = _STATUS.get(stance, 0)
        wait = min(decision.expires_us / 1e6 - now_s, _LONGEST_WAIT_S) if status == 429 else 0.0
        delay = _DELAY_S if stance is Stance.DELAY else 0.0
        return msgspec.structs.replace(
            fair,
            stance=stance,
            exposure=Exposure.NONE if status else allowed,
            status=status,
            reason=decision.reason,
            told=_TOLD.get(status, ""),
            retry_after_s=wait,
            delay_s=delay,
        )

    def _repeats(self, principal: str, query: Query) -> bool:
        """True where every row was asked before by this same principal: it learns nothing new."""
        known = self._known.get(principal, frozenset())
        return bool(known) and all(f in known for f in fingerprints(query.inputs, self.key).tolist())

    def decision(self, principal: str, now_s: float) -> Decision | None:
        """The strongest decision in force for a principal, and the least exposure; expired ones are forgotten."""
        standing = self.decisions.get(principal)
        if standing is None:
            return None
        now_us = int(now_s * 1e6)
        if any(d.expires_us <= now_us for d in standing):
            standing = tuple(d for d in standing if d.expires_us > now_us)
            self._stand(principal, standing)
        force = [d for d in standing if d.in_force(now_us)]
        if len(force) < 2:
            return force[0] if force else None
        strongest = max(force, key=lambda d: d.stance)
        return msgspec.structs.replace(strongest, exposure=min(d.exposure for d in force))

    def decide(self, decision: Decision) -> None:
        """Put a decision in force beside those that stand, or lift the one of the same uid."""
        standing = self.decisions.get(decision.principal, ())
        if decision.lifted:
            self._stand(decision.principal, tuple(d for d in standing if d.uid != decision.uid))
        elif not decision.simulated:
            self._stand(decision.principal, (*standing, decision))

    def _stand(self, principal: str, standing: tuple[Decision, ...]) -> None:
        if standing:
            self.decisions[principal] = standing
        else:
            self.decisions.pop(principal, None)
            self._known.pop(principal, None)

    def remember(self, principal: str, known: frozenset[int]) -> None:
        """Which inputs, by fingerprint, a closed principal may still repeat."""
        if principal in self.decisions:
            self._known[principal] = known

    def shape(self, query: Query, answer: Answer, verdict: Verdict) -> tuple[Answer, str]:  # noqa: ARG002
        """The answer as it may leave, and the name of what shaped it (empty where nothing did)."""
        return self.pipeline.shape(answer, verdict.exposure, verdict.decimals, verdict.top_k)

    def release(self, caller: Caller, rows: int) -> None:
        """Take back the reservation of a query that got no answer; what it cost of the rate limit stays spent."""
        self.settle(caller.principal, rows)

    def spent(self, principal: str, day: int, rows: int) -> None:
        """Rows that an earlier run had answered on this day (days since 1970)."""
        tally = self.tallies.setdefault(principal, Tally())
        tally.day_rows = rows + (tally.day_rows if tally.day == day else 0)
        tally.day = day

    def settle(self, principal: str, rows: int) -> None:
        """A reservation has been metered."""
        tally = self.tallies.get(principal)
        if tally is not None:
            tally.unread_rows = max(0, tally.unread_rows - rows)
