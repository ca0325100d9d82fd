"""Model inversion by following the confidence uphill: through the API itself, or on a clone extracted first."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Inversion, answered, join_inputs, take, take_inputs
from wellhead.redteam.invert.aim import Aim, log, told
from wellhead.redteam.known import Known
from wellhead.redteam.learner import targets_of
from wellhead.redteam.network import Networks, Recipe, train

_GAIN = 0.02
_MOMENTUM = 0.8


def _odds(confidence: Array) -> Array:
    return np.asarray(log(confidence) - log(1 - confidence))


class _Climb:
    """Where the climb of every class stands. z: (c, k), best: (c, k) with its confidence `top`, NaN before any."""

    def __init__(self, classes: int, parts: int, pace: float, weight: float) -> None:
        self.z, self.best, self.drift = (np.zeros((classes, parts)) for _ in range(3))
        self.top = np.full(classes, np.nan)
        self.stale = np.zeros(classes, np.int64)
        self.pace, self.weight = np.full(classes, pace), np.full(classes, weight)

    def note(self, rows: Labels, confidence: Array) -> None:
        """What z itself was given: remember the best, count rounds that brought nothing new, and slow down on those."""
        better = ~(confidence <= self.top[rows]) & ~np.isnan(confidence)
        gained = better & ~(_odds(confidence) - _odds(self.top[rows]) < _GAIN)
        self.best[rows[better]], self.top[rows[better]] = self.z[rows[better]], confidence[better]
        self.stale[rows] = np.where(gained, 0, self.stale[rows] + 1)
        self.pace[rows] *= np.where(better, 1.2, 0.8)
        # the prior leads the way, and yields where it stands against the goal
        self.weight[rows] *= np.where(gained, 1.0, 0.5)

    def move(self, rows: Labels, slope: Array) -> None:
        """A step of the pace along the slope, with momentum."""
        slope = slope - self.weight[rows, None] * self.z[rows]
        way = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-300)
        self.drift[rows] = _MOMENTUM * self.drift[rows] + way
        self.z[rows] += self.pace[rows, None] * self.drift[rows]


class Miface(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Fredrikson et al.'s inversion on a bare API: the gradient is estimated by queries, for all classes at once.

    A class is done when its confidence reaches 1 - gamma, or when `patience` rounds brought nothing new (the paper's
    beta); the best point seen is returned, not the last.

    aim: coordinates and prior.  rows: what may be asked.  directions: m, each asked both ways, so a round takes
    2 m + 1 queries a class.  reach: how far, in units of z.  pace: length of the first steps.  weight: of the
    prior at first, a penalty of weight / 2 * |z|^2 on the log-confidence.
    Needs probabilities. The paper's 2 d queries a step become 2 m, and d becomes what the prior leaves of it.
    """

    name: ClassVar[str] = "miface"
    paper: ClassVar[str] = "Fredrikson et al., Model Inversion Attacks that Exploit Confidence Information, CCS 2015"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.001",)
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    aim: Aim
    rows: int = 20_000
    directions: int = 20
    gamma: float = 0.05
    patience: int = 8
    reach: float = 0.5
    pace: float = 0.5
    weight: float = 0.005

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Every class; raises Unsuited where inputs are no numbers or rows do not do for two rounds."""
        attack = cls(aim=Aim.of(known), rows=known.rows)
        least = 2 * known.classes * (2 * attack.directions + 1)
        known.need(known.rows >= least, f"needs {least} queries")
        return attack

    def run(self, rng: np.random.Generator) -> Conversation:
        """Climb until every class is done, the rows are spent, or no answer comes."""
        climb = _Climb(self.aim.classes, self.aim.parts, self.pace, self.weight)
        each, left = 2 * self.directions + 1, self.rows
        open_ = np.arange(self.aim.classes)
        while open_.size and left >= open_.size * each:
            ways = self._ways(open_.size, rng)
            points = climb.z[open_, None] + self.reach * ways
            answer = yield self.aim.inputs(points.reshape(-1, self.aim.parts))
            left -= open_.size * each
            if not answered(answer).any():
                break
            confidence = self._confidence(answer, open_)
            climb.note(open_, confidence[:, 0])
            slope = np.einsum("cm,cmk->ck", _differences(confidence), ways[:, 1 : self.directions + 1])
            climb.move(
                open_, slope / (2 * self.reach * self.directions) * self.aim.parts - self.weight * climb.z[open_]
            )
            open_ = open_[~(climb.top[open_] >= 1 - self.gamma) & (climb.stale[open_] < self.patience)]
        return self._result(climb, open_.size)

    def _ways(self, classes: int, rng: np.random.Generator) -> Array:
        """(c, 2 m + 1, k): none, m unit directions, and the same backwards."""
        ways = rng.standard_normal((classes, self.directions, self.aim.parts))
        ways /= np.linalg.norm(ways, axis=2, keepdims=True)
        return np.concatenate([np.zeros_like(ways[:, :1]), ways, -ways], axis=1)

    def _confidence(self, answer: Answer, classes: Labels) -> Array:
        """(c, 2 m + 1): what each class's own points were given of it."""
        found = told(answer, self.aim.classes)
        return np.stack([b[:, c] for b, c in zip(np.split(found, classes.size), classes, strict=True)])

    def _result(self, climb: _Climb, unfinished: int) -> Inversion:
        reached = int((climb.top >= 1 - self.gamma).sum())
        detail = (
            f"{reached} of {self.aim.classes} classes reached a confidence of {1 - self.gamma:g}, "
            f"{self.aim.classes - reached - unfinished} ended on a plateau, {unfinished} when the queries were spent"
        )
        return self.aim.result(climb.best, np.arange(self.aim.classes), climb.top, detail)


def _differences(confidence: Array) -> Array:
    """(c, m): log-confidence one way less the other, 0 where either stayed unanswered."""
    there, back = np.split(log(confidence[:, 1:]), 2, axis=1)
    return np.asarray(np.nan_to_num(there - back))


def ascend(clone: Networks, aim: Aim, weights: Array, steps: int = 120) -> Array:
    """(w, c, k): for each weight of the prior the coordinates that a clone gives each class most of; costs no query."""
    goals = np.tile(np.arange(aim.classes), weights.size)
    pull = np.repeat(weights, aim.classes)[:, None]
    z, first, second = (np.zeros((goals.size, aim.parts)) for _ in range(3))
    wanted, width = np.eye(aim.classes)[goals], aim.box.high - aim.box.low
    for step in range(1, steps + 1):
        inputs = aim.inputs(z)
        outward = wanted - clone.predict_proba(inputs)
        slope = (clone.gradient(inputs, outward) * width) @ aim.basis.T - pull * z
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope * slope
        z += 0.1 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-12)
    return z.reshape(weights.size, aim.classes, aim.parts)


class ExtractInvert(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Extract a clone, invert the clone, and ask the model only to confirm (SML16, section 4.1.4).

    aim: coordinates and prior.  inputs: a pool to ask from, half of the rows; the rest, and all of it where there is
    none, are random plausible inputs.  rows: what may be asked; more than `most` brings little.
    hidden: widths of the clones that are tried, the better one on held-out answers is kept.
    weights: of the prior, as in Miface, all tried on the clone; the heaviest that the model gives 1 - gamma is kept,
    else the one with the highest confidence.
    Needs labels; learns faster from probabilities.
    """

    name: ClassVar[str] = "extract_invert"
    paper: ClassVar[str] = "Tramer et al., Stealing Machine Learning Models via Prediction APIs, USENIX Security 2016"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.001", "AML.T0024.002")
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    aim: Aim
    inputs: Inputs
    rows: int = 2_000
    most: int = 3_000
    gamma: float = 0.1
    hidden: tuple[tuple[int, ...], ...] = ((), (64,))
    epochs: int = 60
    weights: tuple[float, ...] = (0.3, 0.1, 0.03, 0.01, 0.001)

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Every class; raises Unsuited where inputs are no numbers or rows do not do."""
        attack = cls(aim=Aim.of(known), inputs=known.pool, rows=known.rows)
        least = known.classes * (len(attack.weights) + 4)
        known.need(known.rows >= least, f"needs {least} queries")
        return attack

    def run(self, rng: np.random.Generator) -> Conversation:
        """One round to extract, one to confirm."""
        aim, weights = self.aim, np.array(self.weights)
        asked = self._questions(min(self.rows, self.most) - weights.size * aim.classes, rng)
        answer = yield asked
        heard = answered(answer)
        classes, none = np.arange(aim.classes), np.full(aim.classes, np.nan)
        if not heard.any():
            return aim.result(np.zeros((0, aim.parts)), classes[:0], none[:0], "nothing was answered")
        clone = self._clone(take_inputs(asked, heard), take(answer, heard), rng)
        tried = ascend(clone, aim, weights)
        answer = yield aim.inputs(tried.reshape(-1, aim.parts))
        if not answered(answer).any():
            return aim.result(tried[-1], classes, none, "the clone's likenesses stayed unconfirmed")
        chosen, confidence = self._confirmed(answer, clone.predict_proba(aim.inputs(tried.reshape(-1, aim.parts))))
        detail = f"a clone from {int(heard.sum())} answers, {tried.shape[0]} likenesses of each class confirmed"
        return aim.result(tried[chosen, classes], classes, confidence, detail)

    def _questions(self, rows: int, rng: np.random.Generator) -> Inputs:
        from_pool = rng.permutation(len(self.inputs))[: rows // 2]
        made_up = self.aim.inputs(rng.standard_normal((rows - from_pool.size, self.aim.parts)) * 1.5)
        parts: list[Inputs] = [take_inputs(self.inputs, from_pool)] if from_pool.size else []
        return join_inputs([*parts, made_up])

    def _clone(self, inputs: Inputs, answer: Answer, rng: np.random.Generator) -> Networks:
        """The clone that agrees best with a fifth of the answers that it was not shown, trained again on all."""
        targets = targets_of(answer)
        targets = np.eye(self.aim.classes)[targets] if targets.ndim == 1 else targets
        held = rng.random(len(targets)) < 0.2
        recipes = [Recipe(hidden=h, epochs=self.epochs, batch=64, rate=3e-3, decay=1e-4) for h in self.hidden]
        if len(recipes) == 1 or not held.any() or held.all():
            return train(inputs, targets, recipes[0], rng)
        losses = []
        for recipe in recipes:
            clone = train(take_inputs(inputs, ~held), targets[~held], recipe, rng)
            losses.append(-(targets[held] * log(clone.predict_proba(take_inputs(inputs, held)))).sum())
        return train(inputs, targets, recipes[int(np.argmin(losses))], rng)

    def _confirmed(self, answer: Answer, believed: Array) -> tuple[Labels, Array]:
        """(c,) which weight of the prior, and (c,) the model's confidence, NaN where it tells none.

        believed: the clone's probabilities; they stand in where the model tells labels only, if its label agrees.
        """
        tries, c = len(self.weights), self.aim.classes
        classes = np.arange(c)
        found = told(answer, c).reshape(tries, c, c)[:, classes, classes]
        right = np.full(tries * c, -1) if answer.top1 is None else answer.top1
        stand_in = believed.reshape(tries, c, c)[:, classes, classes] * (right.reshape(tries, c) == classes)
        worth = np.where(np.isnan(found), stand_in, found)
        # a clone that was shown labels alone is surer than its model
        enough = worth >= np.where(np.isnan(found), 1 - self.gamma**2, 1 - self.gamma)
        chosen = np.where(enough.any(axis=0), enough.argmax(axis=0), worth.argmax(axis=0))
        return chosen, found[chosen, classes]
