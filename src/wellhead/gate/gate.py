"""The gate: admit a query, shape its answer, observe what happened.

It does no I/O, reads no clock and rolls no dice: customers, drills and the red team's oracle call the same verbs.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from wellhead.core.event import Answer, Caller, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Decision, Stance, Verdict
from wellhead.defend.pipeline import Pipeline
from wellhead.gate.policy import Policy, Terms
from wellhead.gate.quota import Tally, take
from wellhead.gate.record import fingerprints
from wellhead.gate.shaping import Shaping

_STATUS = {Stance.CHALLENGE: 429, Stance.THROTTLE: 429, Stance.BLOCK: 403, Stance.SUSPEND: 403, Stance.REVOKE: 403}
_TOLD = {429: "too many new inputs; what you asked before is still answered", 403: "access is closed"}
_CHALLENGED = "prove the work that the puzzle asks for, and send the request again"
_UNANSWERED = "an input of this request is not answered"
_LONGEST_WAIT_S = 3_600.0


class Gate:
    """Policy, and the memory that it needs of each principal.

    pipeline: what answers pass for which no defences are named.  key: secret of the input fingerprints; the key of
    keyed defences is made from it and the model's version.  undisclosed: fingerprints of inputs that nobody is told of.
    Call admit, shape, give and release from one thread; decide may come from another.
    """

    def __init__(self, policy: Policy, pipeline: Pipeline, key: bytes) -> None:
        self.policy = policy
        self.key = key
        bound = hmac.digest(key, b"defend " + policy.version.encode(), "sha256")
        self.shaping = Shaping(pipeline, key, {"key": bound})
        self.tallies: dict[str, Tally] = {}
        self.everyone = Tally()
        self.decisions: dict[str, tuple[Decision, ...]] = {}
        self.undisclosed: frozenset[int] = frozenset()
        self._known: dict[str, frozenset[int]] = {}
        self._cost = (policy.global_per_row_s, policy.global_burst_rows)

    def admit(self, caller: Caller, query: Query, now_s: float, solved: bool = False) -> Verdict:
        """May this query pass, and how much may its answer give away?

        Rows are reserved for a query that passes: `settle` them once metered, `release` them if nothing was answered.
        solved: the request has proved the work that a refusal with `challenge_bits` asked for.
        """
        terms = self.policy.terms(caller.plan)
        tally = self.tallies.get(caller.principal)
        if tally is None:
            tally = self.tallies[caller.principal] = Tally()
        verdict = self._withheld(query) if self.undisclosed else None
        if verdict is None and self.decisions:
            verdict = self._stance(caller, query, (now_s, solved))
        if verdict is None or verdict.passes:
            limited = self._limit(tally, query.rows, terms, now_s)
            verdict = limited or verdict or terms.passing
            if verdict.answers:
                verdict = msgspec.structs.replace(verdict, principal=caller.principal)
        if self.policy.enforce:
            return verdict
        if not verdict.passes:
            tally.unread_rows += query.rows
        return Verdict(Stance.ALLOW, Exposure.VALUE, reason=verdict.reason, would=verdict.stance)

    def _withheld(self, query: Query) -> Verdict | None:
        """The refusal of a query that asks for a record that is not answered, whoever asks."""
        if self.undisclosed.isdisjoint(fingerprints(query.inputs, self.key).tolist()):
            return None
        return Verdict(Stance.BLOCK, Exposure.NONE, 403, "a record that is not answered", told=_UNANSWERED)

    def _limit(self, tally: Tally, rows: int, terms: Terms, now_s: float) -> Verdict | None:
        """The refusal that a limit asks for, or None with the rows reserved."""
        if terms.max_rows and rows > terms.max_rows:
            return Verdict(
                Stance.BLOCK, Exposure.NONE, 413, f"expected at most {terms.max_rows} rows a request, got {rows}"
            )
        full, wait = take(tally, self.everyone, terms, rows, now_s, self._cost)
        return Verdict(Stance.THROTTLE, Exposure.NONE, 429, f"limit reached: {full}", wait) if full else None

    def _stance(self, caller: Caller, query: Query, given: tuple[float, bool]) -> Verdict | None:
        """What a decision in force says to this query, or None where there is none that bites.

        given: the time, and whether a challenge was solved.
        """
        (now_s, solved), principal = given, caller.principal
        decision = self.decision(principal, now_s)
        if decision is None or principal in self.policy.allow:
            return None
        stance = Stance(decision.stance)
        terms = self.policy.terms(caller.plan)
        under, (least, most) = terms.under(stance)
        bits = under.challenge_bits if stance is Stance.CHALLENGE else 0
        free = (solved and bits) or (stance is Stance.THROTTLE and self._repeats(principal, query))
        status = 0 if free else _STATUS.get(stance, 0)
        wait = min(decision.expires_us / 1e6 - now_s, _LONGEST_WAIT_S) if status == 429 and not bits else 0.0
        return msgspec.structs.replace(
            under,
            stance=stance,
            exposure=Exposure.NONE if status else min(under.exposure, Exposure(decision.exposure)),
            status=status,
            reason=decision.reason,
            told=_CHALLENGED if bits and status else _TOLD.get(status, ""),
            retry_after_s=wait,
            delay_s=0.0 if status else least + (most - least) * self._draw(principal),
            challenge_bits=bits if status else 0,
        )

    def _draw(self, principal: str) -> float:
        """A number of 0..1 that nobody without the key can foretell: another for each principal and each row count."""
        tally = self.tallies[principal]
        asked = f"delay {tally.day} {tally.day_rows} {principal}".encode()
        return int.from_bytes(hashlib.blake2b(asked, digest_size=8, key=self.key).digest()) / 2.0**64

    def _repeats(self, principal: str, query: Query) -> bool:
        """True where every row was asked before by this same principal: it learns nothing new."""
        known = self._known.get(principal, frozenset())
        # inputs that could not be read are no repeats
        return bool(known) and len(query.inputs) > 0 and known.issuperset(fingerprints(query.inputs, self.key).tolist())

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

    def shape(self, query: Query, answer: Answer, verdict: Verdict) -> tuple[Answer, str]:
        """The answer as it may leave, and the name of what shaped it (empty where nothing did)."""
        return self.shaping.shape(query, answer, verdict)

    def give(self, parts: Mapping[str, object]) -> None:
        """What defences need and is known from now on, by the names of their fields: a profile's codebook."""
        self.shaping.give(parts)

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
