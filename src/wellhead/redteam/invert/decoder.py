"""Inversion by regression: learn from public inputs and their answers to go back from an answer to its input."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, answered, take_inputs
from wellhead.redteam.invert.aim import Aim, log, told
from wellhead.redteam.known import Known

_FLOOR = 1e-6


class Decoder(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The training-based inversion of Yang et al., with ridge regression in place of a deep decoder.

    The pool is asked once; centred log-probabilities then predict the inputs' coordinates, and the decoder is given
    two answers for each class: the mean of the `typical` most confident ones, and one that is all but certain. Ridge
    regression draws everything to the middle, so both are also tried with more contrast, and the faintest is kept that
    the model gives 1 - gamma, else the one with the highest confidence.

    aim: coordinates and prior.  inputs: the pool.  rows: what may be asked.  strength: of the ridge, chosen among
    these on a fifth of the pool.  typical: how many answers are a class's typical one.  gains: contrasts tried.
    Needs probabilities; costs the pool's rows and ten more for each class.
    """

    name: ClassVar[str] = "decoder"
    paper: ClassVar[str] = "Yang et al., Neural Network Inversion via Background Knowledge Alignment, CCS 2019"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.001",)
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    aim: Aim
    inputs: Inputs
    rows: int = 5_000
    strengths: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
    typical: int = 5
    gains: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    gamma: float = 0.1

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Every class; raises Unsuited without a pool of numbers of some size."""
        known.need(len(known.pool) >= 2 * known.classes, "needs a pool with two inputs or more for each class")
        known.need(known.rows >= 12 * known.classes, f"needs {12 * known.classes} queries")
        return cls(aim=Aim.of(known), inputs=known.pool, rows=known.rows)

    def run(self, rng: np.random.Generator) -> Conversation:
        """One round for the pool, one to choose."""
        aim, c = self.aim, self.aim.classes
        asked = take_inputs(self.inputs, rng.permutation(len(self.inputs))[: self.rows - 2 * len(self.gains) * c])
        answer = yield asked
        found = told(answer, c)
        heard = np.asarray(~np.isnan(found).any(axis=1))
        classes, none = np.arange(c), np.full(c, np.nan)
        if heard.sum() < c:
            return aim.result(
                np.zeros((0, aim.parts)), classes[:0], none[:0], "too few answers to learn a decoder from"
            )
        found = found[heard]
        decode = self._fitted(_clr(found), aim.coordinates(take_inputs(asked, heard)), rng)
        logs = _clr(found)
        typical = logs[np.argsort(-found, axis=0, kind="stable")[: self.typical]].mean(axis=0)
        sure = _clr(np.full((c, c), _FLOOR) + np.eye(c) * (1 - c * _FLOOR))
        z = np.concatenate([gain * np.stack([_with_one(t) @ decode for t in (typical, sure)]) for gain in self.gains])
        answer = yield aim.inputs(z.reshape(-1, aim.parts))
        detail = f"a decoder from {len(found)} answers on public inputs"
        if not answered(answer).any():
            return aim.result(z[0], classes, none, detail)
        confidence = told(answer, c).reshape(len(z), c, c)[:, classes, classes]
        enough = confidence >= 1 - self.gamma
        best = np.nan_to_num(confidence, nan=-1.0).argmax(axis=0)
        chosen = np.where(enough.any(axis=0), enough.argmax(axis=0), best)
        return aim.result(z[chosen, classes], classes, confidence[chosen, classes], detail)

    def _fitted(self, told_: Array, z: Array, rng: np.random.Generator) -> Array:
        """(c + 1, k): the ridge solution that does best on a fifth that it was not shown, solved again on all."""
        held = rng.random(len(z)) < 0.2
        losses = [
            np.square(_with_one(told_[held]) @ _ridge(told_[~held], z[~held], s) - z[held]).sum()
            for s in self.strengths
        ]
        return _ridge(told_, z, self.strengths[int(np.argmin(losses))])


def _clr(found: Array) -> Array:
    """(n, c) centred logarithms of probabilities."""
    logs = log(np.maximum(found, _FLOOR))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def _with_one(x: Array) -> Array:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def _ridge(x: Array, z: Array, strength: float) -> Array:
    """(c + 1, k) weights, the last row the offset; strength is in units of an input's mean square."""
    wide = _with_one(x)
    penalty = np.full(wide.shape[1], strength * len(x) * float((x * x).mean()) + 1e-9)
    penalty[-1] = 1e-9
    return np.asarray(np.linalg.solve(wide.T @ wide + np.diag(penalty), wide.T @ z))
