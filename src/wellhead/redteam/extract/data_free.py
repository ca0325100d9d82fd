"""Attacks that need no data at all: uniform inputs, the boundary of the clone so far, and disagreeing students."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, take_inputs
from wellhead.redteam.box import Box
from wellhead.redteam.extract.gathered import Gathered
from wellhead.redteam.extract.jacobian import compact, labels_of, stride
from wellhead.redteam.extract.synthetic import structured, uniform
from wellhead.redteam.known import Known
from wellhead.redteam.learner import fit_answers
from wellhead.redteam.network import Networks, Recipe, train

_TRAMER = "Tramèr et al., Stealing Machine Learning Models via Prediction APIs, USENIX Security 2016"
_DRAWN = 4
_HALVINGS = 12
_SHARE = 0.8


class Uniform(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Uniform inputs within the bounds of every feature, and retraining on the answers. Costs as many queries as it is
    given.

    per_round: rows of one batch.
    """

    name: ClassVar[str] = "uniform"
    paper: ClassVar[str] = _TRAMER + ", section 6.1"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    box: Box
    rows: int = 2000
    per_round: int = 256

    def __post_init__(self) -> None:
        if self.rows < 0 or self.per_round < 1:
            raise ConfigError("expected rows >= 0 and per_round >= 1")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """In a dozen rounds; raises Unsuited for texts and where the bounds are unknown."""
        return cls(box=Box.of(known), rows=known.rows, per_round=max(-(-known.rows // 12), 50))

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask until `rows` were answered or a round stays unanswered."""
        gathered = Gathered()
        while gathered.rows < self.rows:
            inputs = self._next(gathered, min(self.per_round, self.rows - gathered.rows), rng)
            if not gathered.add(inputs, (yield inputs)):
                break
        return gathered.extraction(f"{gathered.rows} of {self.rows} rows answered, without any data")

    def _next(self, gathered: Gathered, rows: int, rng: np.random.Generator) -> Inputs:  # noqa: ARG002
        return uniform(self.box, rows, rng)


class Adaptive(Uniform, frozen=True, kw_only=True, eq=False):
    """Adaptive retraining: a uniform round, then points on the boundary of a clone trained on all answers so far.

    learner: of that clone.  Each point is bisected between a uniform one and one of another answer. Regressors have
    no boundary and are asked uniformly. Costs as many queries as it is given.
    """

    name: ClassVar[str] = "adaptive"
    paper: ClassVar[str] = _TRAMER + ", section 6.1; Cohn et al., Machine Learning 15, 1994"
    learner: str = "logistic"

    def _next(self, gathered: Gathered, rows: int, rng: np.random.Generator) -> Inputs:
        if not gathered.rows or gathered.answer.values is not None:
            return uniform(self.box, rows, rng)
        clone = fit_answers(gathered.inputs, gathered.answer, self.learner, int(rng.integers(2**31)))
        one = self.box.unit(uniform(self.box, _DRAWN * rows, rng))
        other = self.box.unit(take_inputs(gathered.inputs, balanced(labels_of(gathered.answer), len(one), rng)))
        label = clone.predict(self.box.inputs(one))
        apart = np.flatnonzero(label != clone.predict(self.box.inputs(other)))[:rows]
        rest = one[: rows - apart.size]
        one, other, label = one[apart], other[apart], label[apart]
        for _ in range(_HALVINGS if apart.size else 0):
            middle = (one + other) / 2
            same = (clone.predict(self.box.inputs(middle)) == label)[:, None]
            one, other = np.where(same, middle, one), np.where(same, other, middle)
        return self.box.inputs(np.concatenate([one, rest]))


def balanced(labels: Labels, rows: int, rng: np.random.Generator) -> Array:
    """(rows,) indices, every class that occurs equally likely: a rare one is what a boundary is found with."""
    kinds, group = np.unique(labels, return_inverse=True)
    weights = 1.0 / (kinds.size * np.bincount(group)[group])
    return rng.choice(labels.size, rows, p=weights)


class DataFree(Uniform, frozen=True, kw_only=True, eq=False):
    """Dual students: structured noise, half of it led to where two students disagree most; no gradient of the model is
    estimated, which is what costs other data-free attacks millions. Costs as many queries as it is given.

    recipe: of a student.  steps: of the climb, each `step` of a feature's range.
    """

    name: ClassVar[str] = "data_free"
    paper: ClassVar[str] = "Beetham et al., Dual Student Networks, ICLR 2023, arXiv 2309.10058; DFME, arXiv 2011.14779"
    recipe: Recipe = Recipe(hidden=(128,), epochs=30)
    steps: int = 5
    step: float = 0.02

    def _next(self, gathered: Gathered, rows: int, rng: np.random.Generator) -> Inputs:
        start = structured(self.box, rows, rng)
        if not gathered.rows:
            return start
        subsets = rng.random((2, gathered.rows)) < _SHARE
        subsets[:, 0] |= ~subsets.any(axis=1)
        pair = train(gathered.inputs, compact(gathered.answer), self.recipe, rng, subsets)
        unit = self.box.unit(start)
        led = unit[: -(-rows // 2)]
        for _ in range(self.steps):
            led = np.clip(led + stride(self.box, _apart(pair, self.box, led), self.step, rng), 0.0, 1.0)
        return self.box.inputs(np.concatenate([led, unit[len(led) :]]))


def _apart(pair: Networks, box: Box, unit: Array) -> Array:
    """(n, d): in which direction the L1 distance of two networks' centred logits, or values, grows."""
    flat = box.low + unit * (box.high - box.low)
    logits = pair.logits(flat)
    gap = logits[0] - logits[1]
    if pair.task == "classifier":
        gap = gap - gap.mean(axis=1, keepdims=True)
    sign = np.sign(gap)
    return np.asarray(pair.pick(0).gradient(flat, sign) - pair.pick(1).gradient(flat, sign))
