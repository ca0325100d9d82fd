"""The reference set of a profile that was fitted on traffic: a reservoir of true answers, filled until it is full.

It is then fixed: readings of one model version must be judged on one set.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellhead.core.arrays import Array, Codes
from wellhead.core.event import Answer, Exchange
from wellhead.meter.profile import Profile
from wellhead.meter.reference import Reservoir

FEWEST = 200
"""Rows below which the reservoir is no better than the sample that the profile was fitted on."""
EVERY_S = 1.0


class Filling:
    """Fills a reservoir, from one batch a second so that it costs nothing, and says when to renew the profile."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._reservoir = Reservoir()
        self._renew_at = FEWEST
        self._next_s = 0.0

    @property
    def full(self) -> bool:
        """True when the reference set is fixed from now on."""
        return len(self._reservoir) >= self._reservoir.capacity

    def see(self, exchanges: Sequence[Exchange], codes: Sequence[Codes | None], now_s: float) -> None:
        """Offer coded exchanges; those without a true answer or codes are passed over."""
        if self.full or now_s < self._next_s:
            return
        self._next_s = now_s + EVERY_S
        for x, code in zip(exchanges, codes, strict=True):
            truth = truth_of(x.true_answer or x.answer)
            if truth is not None and code is not None:
                self._reservoir = self._reservoir.add(code, truth, [x.caller.principal] * len(code), self._rng)

    def renewed(self, profile: Profile) -> Profile | None:
        """The profile judged on the reservoir, each time that it has doubled, and when it is full; else None."""
        if len(self._reservoir) < self._renew_at:
            return None
        self._renew_at = min(2 * len(self._reservoir), self._reservoir.capacity)
        if self.full:
            self._renew_at = self._reservoir.capacity + 1
        return profile.with_reference(self._reservoir.codes, self._reservoir.truth)


def truth_of(answer: Answer | None) -> Array | None:
    """(n,) the model's own labels or values; None where it said neither."""
    if answer is None:
        return None
    return answer.values if answer.values is not None else answer.top1
