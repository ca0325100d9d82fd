"""Jacobian-based augmentation: from few seeds, step where the clone's answer changes fastest, and ask there."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, take_inputs
from wellhead.redteam.box import Box
from wellhead.redteam.extract.gathered import Gathered
from wellhead.redteam.extract.synthetic import uniform
from wellhead.redteam.known import Known
from wellhead.redteam.learner import targets_of
from wellhead.redteam.network import Networks, Recipe, train

_PGD_STEPS = 8
_PGD_REACH = 1.85


class Jacobian(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """JBDA: each round trains a substitute on all answers and asks the inputs moved by `step` along the sign of its
    loss's gradient, so that their number doubles. Needs labels of a classifier. Costs as many queries as it is
    given; the gradients are the substitute's and cost none.

    seeds: (n, ...) first inputs, about 100; without any they are drawn uniformly.  step: in shares of each feature's
    range; every fifth round it turns round.  copies: new inputs for each old one and round.
    """

    name: ClassVar[str] = "jacobian"
    paper: ClassVar[str] = "Papernot et al., Practical Black-Box Attacks, AsiaCCS 2017, arXiv 1602.02697"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False
    copies: ClassVar[int] = 1

    box: Box
    seeds: Inputs = np.zeros((0, 0), np.float32)
    first: int = 100
    rows: int = 2000
    step: float = 0.1
    recipe: Recipe = Recipe(hidden=(128,), epochs=30)

    def __post_init__(self) -> None:
        if self.rows < 0 or self.first < 1 or not 0 < self.step <= 1:
            raise ConfigError("expected rows >= 0, first >= 1 and a step in (0, 1]")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Seeds from the pool where there is one; raises Unsuited for texts, unknown bounds and regressors."""
        known.need(known.task == "classifier", "needs a classifier")
        return cls(box=Box.of(known), seeds=known.pool, rows=known.rows, first=min(100, max(known.rows // 4, 1)))

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask the seeds, then move and ask until `rows` were answered or a round stays unanswered."""
        gathered, rounds = Gathered(), 0
        inputs = self._seeds(rng)[: self.rows]
        while gathered.add(inputs, (yield inputs)) and gathered.rows < self.rows:
            network = train(gathered.inputs, compact(gathered.answer), self.recipe, rng)
            count = min(self.copies * gathered.rows, self.rows - gathered.rows)
            parents = rng.permutation(np.resize(np.arange(gathered.rows), self.copies * gathered.rows))[:count]
            step = self.step * (-1.0) ** (rounds // 5)
            inputs = self._moved(network, gathered, parents, step, rng)
            rounds += 1
        detail = f"{gathered.rows} of {self.rows} rows answered, grown from {self.first} in {rounds} rounds"
        return gathered.extraction(detail)

    def _seeds(self, rng: np.random.Generator) -> Inputs:
        if len(self.seeds):
            return take_inputs(self.seeds, rng.permutation(len(self.seeds))[: self.first])
        return uniform(self.box, self.first, rng)

    def _moved(
        self, network: Networks, gathered: Gathered, parents: Array, step: float, rng: np.random.Generator
    ) -> Inputs:
        """Inputs one step from their parents: uphill in the loss of their own labels."""
        unit, targets = self.box.unit(take_inputs(gathered.inputs, parents)), compact(gathered.answer)[parents]
        labels = targets if targets.ndim == 1 else targets.argmax(axis=1)
        return self.box.inputs(unit + stride(self.box, uphill(network, self.box, unit, labels), step, rng))


class JacobianTargeted(Jacobian, frozen=True, kw_only=True, eq=False):
    """JBDA-TR: three copies of each input, each led towards another random class by eight small steps.

    Costs as many queries as it is given.
    """

    name: ClassVar[str] = "jacobian_targeted"
    paper: ClassVar[str] = "Juuti et al., PRADA, EuroS&P 2019, arXiv 1805.02628"
    copies: ClassVar[int] = 3

    def _moved(
        self, network: Networks, gathered: Gathered, parents: Array, step: float, rng: np.random.Generator
    ) -> Inputs:
        """Inputs within `step` of their parents, downhill in the loss of a random class."""
        start = self.box.unit(take_inputs(gathered.inputs, parents))
        goals = rng.integers(network.weights[-1].shape[2], size=len(parents))
        reach = np.where(self.box.arities > 0, 1.0, abs(step))
        unit = start
        for _ in range(_PGD_STEPS):
            downhill = -uphill(network, self.box, unit, goals)
            unit = unit + stride(self.box, downhill, _PGD_REACH * abs(step) / _PGD_STEPS, rng)
            unit = np.clip(np.clip(unit, start - reach, start + reach), 0.0, 1.0)
        return self.box.inputs(unit)


def labels_of(answer: Answer) -> Labels:
    """(n,) best classes; raises ConfigError where the answer has none."""
    labels = answer.top1
    if labels is None:
        raise ConfigError("expected answers with labels, got values")
    return labels


def compact(answer: Answer) -> Array:
    """What a network learns from; labels are renumbered from 0, so that it has no output for classes never seen."""
    targets = targets_of(answer)
    return np.unique(targets, return_inverse=True)[1] if targets.dtype == np.int64 else targets


def uphill(network: Networks, box: Box, unit: Array, labels: Labels) -> Array:
    """(n, d): in which direction of the box the loss of these labels grows."""
    flat = box.low + unit * (box.high - box.low)
    outward = network.predict_proba(flat)
    outward[np.arange(len(labels)), labels] -= 1.0
    return network.gradient(flat, outward)


def stride(box: Box, direction: Array, step: float, rng: np.random.Generator) -> Array:
    """(n, d): `step` along the sign of a direction; a category moves by one, but only as often as that."""
    steps = step * np.sign(direction)
    if not box.arities.any():
        return steps
    one = np.sign(steps) / np.maximum(box.arities - 1, 1)
    return np.where(box.arities > 0, (rng.random(steps.shape) < abs(step)) * one, steps)
