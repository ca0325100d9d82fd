"""Rounding that stays a probability vector: by largest remainder, since plainly rounded rows stop summing to 1.

Of two classes the better never gets fewer steps, because floor and remainder both keep the order and equals are served
in theirs: so the best class stays among the best.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.core.arrays import Scores
from wellhead.defend.guarantees import Argmax, Context, Guarantees, Stage

MOST_DECIMALS = 12
"""Beyond it float64 has nothing to round."""
_SLACK = 1e-9


def round_row(row: Sequence[float], decimals: int) -> list[float]:
    """One row of probabilities, rounded as `Rounding` does, to 0..12 decimals: for few numbers faster than arrays."""
    steps = float(10**decimals)
    scale = steps / math.fsum(row)
    exact = [p * scale for p in row]
    whole = [(x + _SLACK) // 1.0 for x in exact]
    missing = int(steps - sum(whole))
    if missing > 0:
        # Scaling makes near equals equal: then the better comes first.
        gaps = map(operator.sub, whole, exact)
        for _, _, i in sorted(zip(gaps, map(operator.neg, row), range(len(row)), strict=True))[:missing]:
            whole[i] += 1.0
    return [x / steps for x in whole]


class Rounding(msgspec.Struct, frozen=True):
    """Rounds to `decimals` places; beyond 12 nothing is rounded."""

    cost_us: ClassVar[int] = 25
    defeated_by: ClassVar[str] = "training on it"
    decimals: Annotated[int, Meta(ge=0, le=17)] = 2

    @property
    def name(self) -> str:
        """`round`."""
        return "round"

    @property
    def stage(self) -> Stage:
        """Rounding, the last."""
        return Stage.ROUND

    @property
    def guarantees(self) -> Guarantees:
        """Weak: two classes may become equal, never swap."""
        return Guarantees(argmax=Argmax.WEAK)

    def shape(self, scores: Scores, context: Context) -> Scores:  # noqa: ARG002 - the contract's
        """(n, k) to (n, k) in steps of 10^-decimals."""
        if self.decimals > MOST_DECIMALS:
            return scores
        steps = float(10**self.decimals)
        # Sums rounded once, as in round_row: both ways give the same bits.
        sums = np.array([math.fsum(row) for row in scores.tolist()])
        exact = scores * (steps / sums)[:, None]
        whole = np.floor(exact + _SLACK)
        missing = steps - whole.sum(axis=1, keepdims=True)
        order = np.lexsort((-scores, whole - exact), axis=1)
        gets = np.arange(scores.shape[1]) < missing
        units = np.zeros_like(whole)
        np.put_along_axis(units, order, gets.astype(np.float64), axis=1)
        return np.asarray((whole + units) / steps)
