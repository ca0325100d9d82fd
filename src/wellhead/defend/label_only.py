"""Label only: all that is left is the best class.

It is the ceiling of every defence that keeps the answer right: an attacker who reads only labels loses nothing by it.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np

from wellhead.core.arrays import Labels, Scores
from wellhead.defend.guarantees import Argmax, Context, Guarantees, Stage


def one_hot(labels: Labels, classes: int) -> Scores:
    """(n, classes): 1 at each row's label."""
    scores = np.zeros((labels.size, classes))
    scores[np.arange(labels.size), labels] = 1.0
    return scores


class LabelOnly(msgspec.Struct, frozen=True):
    """1 for the best class (the first of equals), 0 for the others."""

    cost_us: ClassVar[int] = 10
    defeated_by: ClassVar[str] = "training on labels; it is what every defence that keeps the answer right comes to"

    @property
    def name(self) -> str:
        """`label_only`."""
        return "label_only"

    @property
    def stage(self) -> Stage:
        """Truncation."""
        return Stage.TRUNCATE

    @property
    def guarantees(self) -> Guarantees:
        """The best class stays, alone."""
        return Guarantees(argmax=Argmax.STRICT)

    def shape(self, scores: Scores, context: Context) -> Scores:  # noqa: ARG002 - the contract's
        """(n, k) to one-hot (n, k); a NaN is never the best."""
        return one_hot(np.nan_to_num(scores, nan=-np.inf).argmax(axis=1), scores.shape[1])
