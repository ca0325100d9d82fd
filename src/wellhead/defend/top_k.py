"""Top-k: the k best classes, renormalised; the others are 0."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.core.arrays import Scores
from wellhead.defend.bounds import crown
from wellhead.defend.guarantees import Argmax, Context, Guarantees, Stage


class TopK(msgspec.Struct, frozen=True):
    """Keeps the k best classes of each row, k >= 1; of equal ones the first."""

    cost_us: ClassVar[int] = 25
    defeated_by: ClassVar[str] = "training on it: three of twenty classes teach a clone nearly as much as all"
    k: Annotated[int, Meta(ge=1)] = 3

    @property
    def name(self) -> str:
        """`top_k`."""
        return "top_k"

    @property
    def stage(self) -> Stage:
        """Truncation."""
        return Stage.TRUNCATE

    @property
    def guarantees(self) -> Guarantees:
        """The best class stays; alone where it was, since the order of what is kept does not change."""
        return Guarantees(argmax=Argmax.STRICT)

    def shape(self, scores: Scores, context: Context) -> Scores:  # noqa: ARG002 - the contract's
        """(n, k) to (n, k)."""
        keep = max(self.k, 1)
        kept = scores
        if keep < scores.shape[1]:
            order = np.argsort(-scores, axis=1, kind="stable")[:, :keep]
            # What is no number stays none, so that it cannot be served.
            kept = scores * 0.0
            np.put_along_axis(kept, order, np.take_along_axis(scores, order, axis=1), axis=1)
        return crown(scores, kept / kept.sum(axis=1, keepdims=True))
