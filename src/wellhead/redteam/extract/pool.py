"""Clone a model by asking inputs drawn from a pool, at random or where the clone so far is least sure."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import (
    Conversation,
    Extraction,
    answered,
    join,
    join_inputs,
    take,
    take_inputs,
)
from wellhead.redteam.known import Known
from wellhead.redteam.learner import LEARNERS, fit_answers


class Pool(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Knockoff-style extraction (arXiv 1812.02766; active: arXiv 1905.09165, ActiveThief, AAAI 2020).

    inputs: the pool, (n, ...) float32 or n texts; best from the distribution that the model serves.
    rows: how many to ask in all.  per_round: rows of one batch.
    pick: `random`, or `uncertainty`: smallest margin between the two best classes of a clone trained on all answers
    so far, among `candidates` drawn at random; regressors: largest disagreement of three clones.
    The first round is always random. Unanswered rows may be drawn again.
    """

    name: ClassVar[str] = "pool"
    paper: ClassVar[str] = "Orekondy et al., Knockoff Nets, CVPR 2019, arXiv 1812.02766"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    inputs: Inputs
    rows: int = 2000
    per_round: int = 256
    pick: str = "random"
    learner: str = "logistic"
    candidates: int = 4096

    def __post_init__(self) -> None:
        if self.pick not in ("random", "uncertainty"):
            raise ConfigError(f"expected pick to be random or uncertainty, got {self.pick!r}")
        if self.learner not in LEARNERS:
            raise ConfigError(f"expected a learner among {', '.join(LEARNERS)}, got {self.learner!r}")
        if self.per_round < 1 or self.rows < 0 or not len(self.inputs):
            raise ConfigError("expected a pool that is not empty, rows >= 0 and per_round >= 1")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Ask from the pool; raises Unsuited where there is none."""
        known.need(len(known.pool) > 0, "needs a pool of inputs")
        return cls(inputs=known.pool, rows=known.rows)

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask until `rows` were answered, the pool is dry, or a round stays unanswered."""
        left = rng.permutation(len(self.inputs))
        asked: list[Inputs] = []
        told: list[Answer] = []
        count = 0
        while count < self.rows and left.size:
            chosen = self._choose(left, asked, told, min(self.per_round, self.rows - count), rng)
            batch = take_inputs(self.inputs, left[chosen])
            answer = yield batch
            heard = answered(answer)
            if not heard.any():
                break
            asked.append(take_inputs(batch, heard))
            told.append(take(answer, heard))
            count += int(heard.sum())
            # What stayed unanswered goes to the end of the line.
            left = np.concatenate([np.delete(left, chosen), left[chosen[~heard]]])
        detail = f"{count} of {self.rows} rows answered, picked by {self.pick}"
        return Extraction(inputs=join_inputs(asked), answer=join(told), detail=detail)

    def _choose(
        self, left: Array, asked: list[Inputs], told: list[Answer], rows: int, rng: np.random.Generator
    ) -> Array:
        """Positions in `left` of the rows to ask next."""
        if self.pick == "random" or not told:
            return np.arange(min(rows, left.size))
        some = rng.permutation(left.size)[: self.candidates]
        candidates = take_inputs(self.inputs, left[some])
        seeds = rng.integers(2**31, size=3)
        doubt = _doubt(join_inputs(asked), join(told), candidates, self.learner, seeds)
        chosen: Array = some[np.argsort(-doubt, kind="stable")[:rows]]
        return chosen


def _doubt(asked: Inputs, told: Answer, candidates: Inputs, learner: str, seeds: Array) -> Array:
    """(n,): how unsure clones of what was told are on each candidate, larger is less sure."""
    if told.values is not None:
        clones = [fit_answers(asked, told, learner, int(seed)) for seed in seeds]
        return np.asarray(np.std([clone.predict(candidates) for clone in clones], axis=0))
    two_best = np.sort(fit_answers(asked, told, learner, int(seeds[0])).predict_proba(candidates), axis=1)[:, -2:]
    return np.asarray(two_best[:, 0] - two_best[:, -1])
