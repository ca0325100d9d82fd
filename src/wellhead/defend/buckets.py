"""Label and coarse confidence: how sure the model is, in a few words instead of a number, and nothing of the others."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.core.arrays import Scores
from wellhead.core.errors import ConfigError
from wellhead.defend.guarantees import Argmax, Context, Guarantees, Stage

_LEAD = 1e-3

Share = Annotated[float, Meta(gt=0.0, lt=1.0)]


class Buckets(msgspec.Struct, frozen=True):
    """The best class gets its bucket's centre, the others share the rest equally.

    edges: between buckets, rising; the bucket of an edge is the upper one.  centres: one more, rising; at least
    1/k + 0.001 is served, so that the best class stays best.  Raises ConfigError where they do not fit together.
    """

    cost_us: ClassVar[int] = 15
    defeated_by: ClassVar[str] = "training on labels, and on the confidence that is left"
    edges: tuple[Share, ...] = (0.5, 0.9)
    centres: tuple[Share, ...] = (0.35, 0.7, 0.97)

    def __post_init__(self) -> None:
        rising = all(a < b for row in (self.edges, self.centres) for a, b in itertools.pairwise(row))
        if len(self.centres) != len(self.edges) + 1 or not rising:
            got = f"{len(self.edges)} edges and {len(self.centres)} centres"
            raise ConfigError(f"expected rising edges and one centre more than edges, got {got}")

    @property
    def name(self) -> str:
        """`buckets`."""
        return "buckets"

    @property
    def stage(self) -> Stage:
        """Truncation."""
        return Stage.TRUNCATE

    @property
    def guarantees(self) -> Guarantees:
        """The best class stays, alone."""
        return Guarantees(argmax=Argmax.STRICT)

    def shape(self, scores: Scores, context: Context) -> Scores:  # noqa: ARG002 - the contract's
        """(n, k) to (n, k)."""
        rows, top = np.arange(len(scores)), scores.argmax(axis=1)
        classes = scores.shape[1]
        bucket = np.searchsorted(np.array(self.edges), scores[rows, top], side="right")
        sure = np.maximum(np.array(self.centres), 1.0 / classes + _LEAD)[bucket]
        # What is no number stays none, so that it cannot be served.
        shaped = np.asarray(scores * 0.0 + ((1.0 - sure) / max(classes - 1, 1))[:, None])
        shaped[rows, top] += sure - shaped[rows, top]
        return shaped
