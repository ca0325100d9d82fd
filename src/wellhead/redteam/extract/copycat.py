"""Copycat: labels alone, on inputs that have nothing to do with the model's own."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Extraction
from wellhead.redteam.box import Box
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.extract.synthetic import structured
from wellhead.redteam.known import Known


class Copycat(Pool, frozen=True, kw_only=True, eq=False):
    """Copycat CNN: random inputs of another domain, learnt from by their labels only.

    Costs as many queries as it is given.

    inputs: of any domain, in the model's shape; `suit` makes structured noise up where inputs are numbers, and takes
    the pool where they are texts.
    """

    name: ClassVar[str] = "copycat"
    paper: ClassVar[str] = "Correia-Silva et al., Copycat CNN, IJCNN 2018, arXiv 1806.05476"

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Noise for numbers, the pool for texts; raises Unsuited for regressors, and where there is neither."""
        known.need(known.task == "classifier", "needs labels")
        if not known.features:
            return super().suit(known)
        made = structured(Box.of(known), max(known.rows, 1), np.random.default_rng(0))
        return cls(inputs=made, rows=known.rows, per_round=max(known.rows, 1))

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask, and keep the labels."""
        result = yield from Pool.run(self, rng)
        if not isinstance(result, Extraction):
            return result
        return msgspec.structs.replace(result, answer=Answer(Exposure.LABEL, labels=result.answer.top1))
