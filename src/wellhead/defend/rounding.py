"""Rounding that stays a probability vector: by largest remainder, since plainly rounded rows stop summing to 1.

Of two classes the better never gets fewer steps, because floor and remainder both keep the order and equals are served
in theirs: so the best class stays among the best.
"""

from __future__ import annotations

import msgspec
import numpy as np

from wellhead.core.arrays import Scores
from wellhead.defend.guarantees import Argmax, Context, Guarantees

MOST_DECIMALS = 12
"""Beyond it float64 has nothing to round."""


class Rounding(msgspec.Struct, frozen=True):
    """Rounds to `decimals` places, 0..12."""

    decimals: int = 2

    @property
    def name(self) -> str:
        """`rounding`."""
        return "rounding"

    @property
    def guarantees(self) -> Guarantees:
        """Weak: two classes may become equal, never swap."""
        return Guarantees(argmax=Argmax.WEAK)

    def shape(self, scores: Scores, context: Context) -> Scores:  # noqa: ARG002 - the contract's
        """(n, k) to (n, k) in steps of 10^-decimals."""
        if self.decimals > MOST_DECIMALS:
            return scores
        steps = float(10**self.decimals)
        exact = scores * (steps / scores.sum(axis=1, keepdims=True))
        whole = np.floor(exact + 1e-9)
        missing = steps - whole.sum(axis=1, keepdims=True)
        order = np.argsort(whole - exact, axis=1, kind="stable")
        gets = np.arange(scores.shape[1]) < missing
        units = np.zeros_like(whole)
        np.put_along_axis(units, order, gets.astype(np.float64), axis=1)
        return np.asarray((whole + units) / steps)
