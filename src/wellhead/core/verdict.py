"""What the gate says to one query, and what holds for a principal until it expires."""

from __future__ import annotations

import enum

import msgspec

from wellhead.core.exposure import Exposure


class Stance(enum.IntEnum):
    """How a principal is treated, mildest first."""

    ALLOW = 0
    WATCH = 1
    REDUCE = 2
    DELAY = 3
    CHALLENGE = 4
    THROTTLE = 5
    BLOCK = 6
    SUSPEND = 7
    REVOKE = 8


class Verdict(msgspec.Struct, frozen=True):
    """The gate's word on one query.

    exposure: the most that the answer may give away; decimals (-1: the model's own) and top_k refine it.
    retry_after_s, delay_s: seconds.
    status: HTTP status of a refusal, 0 where the query may pass.
    reason: for the log.  told: what a refused caller hears, which gives nothing of the evidence away.
    would: the stance that enforce mode would have taken, where observe mode let the query pass.
    answers: the defences that the answer passes, as the config names them.  principal: who asked, where they may depend
    on it.  upstream: URL of the model that answers, empty for the usual one.
    challenge_bits: work that a request must prove first, as leading zero bits of a hash; 0 none.
    """

    stance: Stance
    exposure: Exposure
    status: int = 0
    reason: str = ""
    retry_after_s: float = 0.0
    delay_s: float = 0.0
    would: Stance = Stance.ALLOW
    decimals: int = -1
    top_k: int = 3
    told: str = ""
    answers: tuple[str, ...] = ()
    principal: str = ""
    upstream: str = ""
    challenge_bits: int = 0

    @property
    def passes(self) -> bool:
        """True where the query goes on to the model."""
        return self.status == 0


class Decision(msgspec.Struct, frozen=True, kw_only=True, tag="decision", tag_field="kind"):
    """A Stance in force, as stored in the log.

    start_us, expires_us: microseconds since 1970 UTC; every decision expires.
    origin: `operator`, `grade` (the adaptive policy), or the signal that asked for it.
    subjects: the campaign it came from.
    evidence: log index of the finding, -1 where there is none.  lifted: ends decision `uid` early.
    """

    uid: str
    principal: str
    stance: int
    reason: str
    origin: str
    start_us: int
    expires_us: int
    exposure: int = int(Exposure.VALUE)
    simulated: int = 0
    lifted: int = 0
    subjects: tuple[str, ...] = ()
    evidence: int = -1
    v: int = 1

    def in_force(self, now_us: int) -> bool:
        """True between start and expiry, unless it only says what would have been done."""
        return not self.simulated and not self.lifted and self.start_us <= now_us < self.expires_us
