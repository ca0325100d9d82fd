"""Solve for a smooth perceptron of one hidden layer from its probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, NamedTuple, Self

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
_MOST = 20_000
_RIDGES = (3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 0.0)


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
        attack = cls(low=known.low, high=known.high, shape=known.shape, classes=known.classes, rows=known.rows)
        known.need(attack.unknowns <= _MOST, f"{attack.unknowns} unknowns are too many to solve for: at most {_MOST}")
        told = known.rows * (max(known.classes, 2) - 1)
        known.need(told >= attack.unknowns, f"{known.rows} answers are too few for {attack.unknowns} unknowns")
        return attack

    @property
    def unknowns(self) -> int:
        """Numbers to solve for."""
        return (self.low.size + 1) * self.hidden + (self.hidden + 1) * max(self.classes, 2)

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask uniform inputs once, then fit."""
        rows = min(self.rows, math.ceil(_MARGIN * self.unknowns))
        asked = rng.uniform(self.low, self.high, (rows, self.low.size)).reshape(rows, *self.shape)
        answer = yield asked
        heard = np.flatnonzero(scored(answer))
        inputs, told = take_inputs(asked, heard), take(answer, heard)
        if heard.size < 2:
            return Extraction(inputs=inputs, answer=told, detail="fewer than two rows were answered with scores")
        odds = log_odds(told)
        kept = math.ceil(_FRESH * heard.size)
        points = scaled(matrix(inputs), self.low, self.high)
        clone = self._fit(Fit(points[:-kept], odds[:-kept]), Fit(points[-kept:], odds[-kept:]), rng)
        agreed = int((clone.predict(inputs[-kept:]) == odds[-kept:].argmax(axis=1)).sum())
        detail = f"{self.hidden} units fitted to {heard.size - kept} rows; {agreed} of {kept} kept back agreed"
        return Extraction(inputs=inputs, answer=told, clone=clone, detail=detail)

    def _fit(self, known: Fit, kept: Fit, rng: np.random.Generator) -> TanhNetwork:
        """The weights that err least on the rows kept back, over starts and ridges."""
        best = (math.inf, np.zeros(0))
        for _ in range(self.tries):
            for weights in self._path(known, rng):
                best = min(best, (loss(weights, *kept, self.hidden)[0], weights), key=lambda pair: pair[0])
            if best[0] < _SOLVED:
                break
        inward, outward = unpacked(best[1], known.inputs.shape[1], self.hidden)
        return TanhNetwork(inward=inward, outward=outward, low=self.low, high=self.high)

    def _path(self, known: Fit, rng: np.random.Generator) -> Iterator[Array]:
        """Weights from small random ones, by L-BFGS under a ridge that is eased step by step: with few rows a little of
        it generalises best, and it leads past local minima.
        """
        from scipy.optimize import minimize

        width = known.inputs.shape[1]
        inward = rng.normal(size=width * self.hidden) / math.sqrt(width)
        weights = np.concatenate([inward, 0.1 * rng.normal(size=(self.hidden + 1) * known.odds.shape[1])])
        options = {"maxiter": self.steps, "maxfun": 2 * self.steps, "maxcor": 30, "ftol": 1e-15, "gtol": 1e-9}
        for ridge in _RIDGES:
            given = (*known, self.hidden, ridge)
            weights = minimize(loss, weights, args=given, jac=True, method="L-BFGS-B", options=options).x
            yield weights


class Fit(NamedTuple):
    """Rows to fit. inputs: (n, d + 1) scaled.  odds: (n, k)."""

    inputs: Array
    odds: Array


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


def loss(weights: Array, inputs: Array, odds: Array, hidden: int, ridge: float = 0.0) -> tuple[float, Array]:
    """Half the mean squared error of the log-odds, plus ridge / 2 times the squared weights, and the gradient."""
    inward, outward = unpacked(weights, inputs.shape[1], hidden)
    units = np.tanh(inputs @ inward)
    logits = units @ outward[:-1] + outward[-1]
    error = logits - logits.mean(axis=1, keepdims=True) - odds
    back = error / len(inputs)
    inner = inputs.T @ ((back @ outward[:-1].T) * (1 - units**2))
    outer = np.vstack([units.T @ back, back.sum(axis=0)])
    gradient = np.concatenate([inner.ravel(), outer.ravel()]) + ridge * weights
    return float(0.5 * (error**2).sum() / len(inputs) + 0.5 * ridge * (weights @ weights)), gradient
