"""ModelGuard-S (Tang et al., USENIX Security 2024), with a codebook fitted offline and frozen.

A row is answered by the first entry of its best class that is near enough; so answers of a class are few, and say
little more than the class. A row with none near goes as far as it may towards the nearest; such an answer says more:
who knows the entry can compute the model's own answer back.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.core.arrays import Scores
from wellhead.core.errors import ProfileError
from wellhead.defend.bounds import between
from wellhead.defend.guarantees import Argmax, Context, Guarantees, Stage
from wellhead.meter.codebook import Codebook

_TILE = 1 << 13
"""Numbers of a batch that are worked on at a time, to stay near the processor."""


class ModelGuardS(msgspec.Struct, frozen=True):
    """Answers from a codebook, moving each row by at most `epsilon`, 0..2, in L1.

    shape raises ProfileError where the codebook is of another number of classes.
    """

    defeated_by: ClassVar[str] = "reading labels alone"
    codebook: Codebook
    epsilon: Annotated[float, Meta(ge=0.0, le=2.0)] = 1.0

    @property
    def name(self) -> str:
        """`modelguard_s`."""
        return "modelguard_s"

    @property
    def stage(self) -> Stage:
        """Perturbation."""
        return Stage.PERTURB

    @property
    def guarantees(self) -> Guarantees:
        """The best class stays, since it is every entry's own."""
        return Guarantees(argmax=Argmax.STRICT, l1_max=self.epsilon)

    def shape(self, scores: Scores, context: Context) -> Scores:  # noqa: ARG002 - the contract's
        """(n, k) to (n, k)."""
        k = self.codebook.classes
        if scores.shape[1] != k:
            raise ProfileError(f"expected scores of {k} classes, got {scores.shape[1]}", "fit the profile anew")
        step = max(_TILE // k, 1)
        shaped = np.empty_like(scores, order="C")
        for start in range(0, len(scores), step):
            shaped[start : start + step] = self._answers(np.ascontiguousarray(scores[start : start + step]))
        return shaped

    def _answers(self, scores: Scores) -> Scores:
        choices = self.codebook.choices(scores.argmax(axis=1))
        off = choices - scores[:, None]
        far = np.abs(off, out=off).sum(axis=2)
        near = far <= self.epsilon
        rows, served = np.arange(len(scores)), near.any(axis=1)
        first = np.where(served, near.argmax(axis=1), far.argmin(axis=1))
        shaped: Scores = choices[rows, first]
        if not served.all():
            left = ~served
            shaped[left] = between(scores[left], shaped[left], self.epsilon / far[rows, first][left])
        return shaped
