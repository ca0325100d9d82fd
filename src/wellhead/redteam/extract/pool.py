"""Clone a model by asking inputs drawn from a pool, at random or where the clone so far learns most."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Self, TypeAlias

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, join_inputs, take_inputs
from wellhead.redteam.extract.choose import PICKS, affordable, choose
from wellhead.redteam.extract.gathered import Gathered
from wellhead.redteam.extract.synthetic import mixed
from wellhead.redteam.known import Known
from wellhead.redteam.learner import LEARNERS

Chooser: TypeAlias = Callable[[Array, Gathered, int], Array]
"""choose(left, gathered, rows) -> positions in `left` of the rows to ask next."""


class Pool(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Extraction by retraining: ask a pool, learn from the answers, whatever they carry.

    Costs as many queries as it is given.

    inputs: the pool, (n, ...) float32 or n texts; best from the distribution that the model serves.
    rows: how many to ask in all.  per_round: rows of one batch.
    pick: `random`, or by a clone trained on all answers so far, among `candidates` drawn at random: `uncertainty` (best
    class least likely), `margin` (two best classes nearest), `k_center` (farthest from all that was asked, in the
    clone's probabilities). Of regressors all but k-center mean: where three clones disagree most.
    learner: of that clone.  top_up: a pool smaller than `rows` is continued by inputs between two of its own;
    texts cannot be, and end early.  arities: of the features, as in `Known`; empty for numbers only.
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
    top_up: bool = True
    arities: Array = np.zeros(0, np.int64)

    def __post_init__(self) -> None:
        if self.pick not in PICKS:
            raise ConfigError(f"expected pick among {', '.join(PICKS)}, got {self.pick!r}")
        if self.learner not in LEARNERS:
            raise ConfigError(f"expected a learner among {', '.join(LEARNERS)}, got {self.learner!r}")
        if self.per_round < 1 or self.rows < 0 or not len(self.inputs):
            raise ConfigError("expected a pool that is not empty, rows >= 0 and per_round >= 1")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Ask from the pool, in a dozen rounds; raises Unsuited where there is none."""
        known.need(len(known.pool) > 0, "needs a pool of inputs")
        return cls(inputs=known.pool, rows=known.rows, per_round=max(-(-known.rows // 12), 50), arities=known.arities)

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask until `rows` were answered, the pool is dry, or a round stays unanswered."""
        inputs, left = self._line(rng)
        chooser, gathered = self._chooser(inputs, rng), Gathered()
        while gathered.rows < self.rows and left.size:
            chosen = chooser(left, gathered, min(self.per_round, self.rows - gathered.rows, left.size))
            batch = take_inputs(inputs, left[chosen])
            if not gathered.add(batch, (yield batch)):
                break
            # What stayed unanswered goes to the end of the line.
            left = np.concatenate([np.delete(left, chosen), left[chosen[~gathered.heard]]])
        made = len(inputs) - len(self.inputs)
        source = f"from a pool of {len(self.inputs)}" + f" and {made} mixed from it" * bool(made)
        return gathered.extraction(f"{gathered.rows} of {self.rows} rows answered, picked by {self.pick} {source}")

    def _line(self, rng: np.random.Generator) -> tuple[Inputs, Array]:
        """All inputs that may be asked, and their order: the pool first, in any order, then what tops it up."""
        inputs, lacking = self.inputs, self.rows - len(self.inputs)
        order = rng.permutation(len(inputs))
        if lacking <= 0 or not self.top_up or isinstance(inputs, list):
            return inputs, order
        topped = join_inputs([inputs, mixed(inputs, lacking, self.arities, rng)])
        return topped, np.concatenate([order, np.arange(len(inputs), len(topped))])

    def _chooser(self, inputs: Inputs, rng: np.random.Generator) -> Chooser:
        """What picks the rows of the next round."""

        def chosen(left: Array, gathered: Gathered, rows: int) -> Array:
            if self.pick == "random" or not gathered.rows:
                return np.arange(rows)
            told = gathered.answer
            some = rng.permutation(left.size)[: max(affordable(self.candidates, told), rows)]
            candidates = take_inputs(inputs, left[some])
            wanted = choose(self.pick, gathered.inputs, told, candidates, rows, (self.learner, rng))
            return np.asarray(some[wanted])

        return chosen
