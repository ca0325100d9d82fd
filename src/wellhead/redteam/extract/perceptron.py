"""Solve for a smooth perceptron of one hidden layer from its probabilities."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores
from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Extraction, scored, take, take_inputs
from wellhead.redteam.clone import matrix, softmax
from wellhead.redteam.known import Known

_MARGIN = 1.3
_FRESH = 0.05
_SOLVED = 1e-9


class TanhNetwork(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """tanh(x A + a) B + b. inward: (d + 1, h), outward: (h + 1, k), the last row of each is the bias.

    low, high: (d,) bounds that are taken to -1..1 first.
    """

    inward: Array
    outward: Array
    low: Array
    high: Array

    def logits(self, inputs: Inputs) -> Array:
        """(n, k), up to a number that all classes of a row share."""
        hidden = np.tanh(scaled(matrix(inputs), self.low, self.high) @ self.inward)
        return np.asarray(hidden @ self.outward[:-1] + self.outward[-1])

    def predict_proba(self, inputs: Inputs) -> Scores:
        """(n, k) probabilities."""
        return softmax(self.logits(inputs))

    def predict(self, inputs: Inputs) -> Labels:
        """(n,) class indices."""
        return np.asarray(self.logits(inputs).argmax(axis=1))


class Perceptron(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Equation solving for a perceptron with tanh units (USENIX Security 2016, section 4.1.3).

    Where the paper descends on the cross-entropy, the log-odds are fitted here by least squares: each answer is k - 1
    equations in full precision, so about as many queries as unknowns, (d + 1) h + (h + 1) k, make it exact.
    low, high: (d,) bounds.  shape: of one input.  classes: k, 0 where unknown.  hidden: units, known to the attacker as
    in the paper.  rows: the most to ask; 1.3 times the unknowns are asked where that is less.  steps: of L-BFGS.
    tries: starts, where the first gets stuck.
    Needs probabilities or logits in full precision. One call; seconds to minutes of computing.
    """

    name: ClassVar[str] = "perceptron"
    paper: ClassVar[str] = "Tramer et al., Stealing Machine Learning Models via Prediction APIs, USENIX Security 2016"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    low: Array
    high: Array
    shape: tuple[int, ...]
    classes: int = 0
    hidden: int = 20
    rows: int = 10_000
    steps: int = 2000
    tries: int = 2

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Ask within the bounds; raises Unsuited for texts, regressors, and answers that are cut or rounded."""
        known.need_numbers()
        known.need(known.task == "classifier", "needs a classifier")
        known.need(known.exposure.has_scores, "needs probabilities or logits")
        known.need(known.decimals < 0, f"unsupported precision: answers have {known.decimals} decimals")
        return cls(low=known.low, high=known.high, shape=known.shape, classes=known.classes, rows=known.rows)

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask uniform inputs once, then fit."""
        unknowns = (self.low.size + 1) * self.hidden + (self.hidden + 1) * max(self.classes, 2)
        rows = min(self.rows, math.ceil(_MARGIN * unknowns))
        asked = rng.uniform(self.low, self.high, (rows, self.low.size)).reshape(rows, *self.shape)
        answer = yield asked
        heard = np.flatnonzero(scored(answer))
        inputs, told = take_inputs(asked, heard), take(answer, heard)
        if heard.size < 2:
            return Extraction(inputs=inputs, answer=told, detail="fewer than two rows were answered with scores")
        odds = log_odds(told)
        fit = heard.size - math.ceil(_FRESH * heard.size)
        clone = self._fit(scaled(matrix(inputs), self.low, self.high)[:fit], odds[:fit], rng)
        fresh = clone.predict(inputs[fit:]) == odds[fit:].argmax(axis=1)
        detail = f"{self.hidden} units fitted to {fit} rows; {fresh.sum()} of {fresh.size} kept for a check agreed"
        return Extraction(inputs=inputs, answer=told, clone=clone, detail=detail)

    def _fit(self, inputs: Array, odds: Array, rng: np.random.Generator) -> TanhNetwork:
        """L-BFGS from small random weights, again from others where it got stuck; the best of all."""
        ends = []
        for _ in range(self.tries):
            ends.append(self._descend(inputs, odds, rng))
            if ends[-1][0] < _SOLVED:
                break
        inward, outward = unpacked(min(ends, key=lambda end: end[0])[1], inputs.shape[1], self.hidden)
        return TanhNetwork(inward=inward, outward=outward, low=self.low, high=self.high)

    def _descend(self, inputs: Array, odds: Array, rng: np.random.Generator) -> tuple[float, Array]:
        from scipy.optimize import minimize

        width = inputs.shape[1]
        inward = rng.normal(size=width * self.hidden) / math.sqrt(width)
        outward = 0.1 * rng.normal(size=(self.hidden + 1) * odds.shape[1])
        options = {"maxiter": self.steps, "maxfun": 2 * self.steps, "maxcor": 30, "ftol": 1e-15, "gtol": 1e-9}
        known = (inputs, odds, self.hidden)
        start = np.concatenate([inward, outward])
        found = minimize(loss, start, args=known, jac=True, method="L-BFGS-B", options=options)
        return float(found.fun), found.x


def scaled(points: Array, low: Array, high: Array) -> Array:
    """(n, d + 1): bounds taken to -1..1, and a column of ones."""
    spread = np.where(high > low, high - low, 1.0)
    return np.column_stack([2 * (points - low) / spread - 1, np.ones(len(points))])


def log_odds(answer: Answer) -> Array:
    """(n, k) logits less their row's mean; raises Unsuited where an answer is exactly 0, as rounded ones are."""
    scores = answer.scores
    if scores is None or (answer.kind != Exposure.LOGITS and (scores <= 0).any()):
        raise Unsuited("unsupported precision: some probabilities are exactly 0")
    logits = scores if answer.kind == Exposure.LOGITS else np.log(scores)
    return np.asarray(logits - logits.mean(axis=1, keepdims=True))


def unpacked(weights: Array, width: int, hidden: int) -> tuple[Array, Array]:
    """The two matrices of a flat vector."""
    inward = weights[: width * hidden].reshape(width, hidden)
    return inward, weights[width * hidden :].reshape(hidden + 1, -1)


def loss(weights: Array, inputs: Array, odds: Array, hidden: int) -> tuple[float, Array]:
    """Half the mean squared error of the log-odds, and its gradient."""
    inward, outward = unpacked(weights, inputs.shape[1], hidden)
    units = np.tanh(inputs @ inward)
    logits = units @ outward[:-1] + outward[-1]
    error = logits - logits.mean(axis=1, keepdims=True) - odds
    back = error / len(inputs)
    inner = inputs.T @ ((back @ outward[:-1].T) * (1 - units**2))
    outer = np.vstack([units.T @ back, back.sum(axis=0)])
    return float(0.5 * (error**2).sum() / len(inputs)), np.concatenate([inner.ravel(), outer.ravel()])
