"""How good a clone is, with its interval, and how many queries that took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.redteam.attack import Clone, Extraction, answered, length, take, take_inputs
from wellhead.redteam.learner import Learner, for_task, trainings

_Z95 = 1.959963984540054
_RESAMPLES = 400


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


class Fidelity(NamedTuple):
    """Agreement of a clone with its model on `n` inputs that were not asked.

    value: share of equal labels, or R^2 for regressors.  chance: what always giving the commonest label (or the mean)
    reaches.  low, high: 95 %, Wilson for labels, bootstrap over inputs for R^2.
    """

    value: float
    low: float
    high: float
    n: int
    chance: float


class Best(NamedTuple):
    """The best of several clones. told: what it was trained on, `scores`, `labels` or `values`."""

    clone: Clone
    learner: str
    told: str
    fidelity: Fidelity


class Point(NamedTuple):
    """Fidelity after so many answered rows."""

    rows: int
    best: Best


def wilson(hits: int, n: int, z: float = _Z95) -> Interval:
    """Interval of a share of `hits` in `n` (Wilson, JASA 1927); (0, 1) where n is 0."""
    if n == 0:
        return Interval(0.0, 1.0)
    share, square = hits / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return Interval(max(middle - half, 0.0), min(middle + half, 1.0))


def r_squared(truth: Array, predicted: Array) -> float:
    """1 - residual / total sum of squares, at most 1; 0 for a model that is constant here."""
    total = float(((truth - truth.mean()) ** 2).sum())
    return 1.0 - float(((truth - predicted) ** 2).sum()) / total if total > 0 else 0.0


def fidelity(clone: Clone, inputs: Inputs, truth: Answer) -> Fidelity:
    """Agreement on inputs whose true answers are `truth`; raises ConfigError where there is none."""
    predicted = clone.predict(inputs)
    if len(predicted) == 0 or length(truth) != len(predicted):
        raise ConfigError(f"expected as many true answers as inputs and at least one, got {length(truth)}")
    if truth.values is not None:
        return _fidelity_of_values(predicted, truth.values)
    labels = truth.top1
    if labels is None:
        raise ConfigError("expected true answers with labels, scores or values")
    hits, n = int((predicted == labels).sum()), labels.size
    return Fidelity(hits / n, *wilson(hits, n), n, float(np.unique(labels, return_counts=True)[1].max()) / n)


def _fidelity_of_values(predicted: Array, truth: Array) -> Fidelity:
    # A fixed seed: the same clone always gets the same interval.
    rng = np.random.default_rng(0)
    rows = rng.integers(truth.size, size=(_RESAMPLES, truth.size))
    low, high = np.quantile([r_squared(truth[r], predicted[r]) for r in rows], [0.025, 0.975])
    return Fidelity(r_squared(truth, predicted), float(low), float(high), truth.size, 0.0)


def best_clone(
    inputs: Inputs,
    answer: Answer,
    reference: Inputs,
    truth: Answer,
    seed: int = 0,
    learners: Mapping[str, Learner] | None = None,
) -> Best:
    """The clone that agrees best on the reference, over learners and over scores and labels as targets.

    Choosing on the reference favours the attacker by less than the interval; an operator wants the upper side.
    Unanswered rows are left out; raises ConfigError where none was answered.
    """
    learners = learners or for_task("classifier" if truth.values is None else "regressor")
    best: Best | None = None
    for told, asked, targets in trainings(inputs, answer):
        for name, fit in learners.items():
            clone = fit(asked, targets, seed)
            found = Best(clone, name, told, fidelity(clone, reference, truth))
            if best is None or found.fidelity.value > best.fidelity.value:
                best = found
    if best is None:
        raise ConfigError("expected one answered row or more to build a clone from, got none")
    return best


def curve(
    extraction: Extraction,
    reference: Inputs,
    truth: Answer,
    at: Sequence[int] = (),
    seed: int = 0,
    learners: Mapping[str, Learner] | None = None,
) -> list[Point]:
    """Fidelity after the first `at` answered rows; by default log-spaced budgets up to all of them."""
    rows = np.flatnonzero(answered(extraction.answer))
    points = []
    for n in at or budgets(rows.size):
        first = rows[:n]
        asked = take_inputs(extraction.inputs, first)
        points.append(Point(n, best_clone(asked, take(extraction.answer, first), reference, truth, seed, learners)))
    return points


def budgets(rows: int, smallest: int = 50) -> list[int]:
    """Log-spaced budgets, doubling from `smallest`, the last one `rows`."""
    doubling = [smallest * 2**i for i in range(max(rows // smallest, 1).bit_length()) if smallest * 2**i < rows]
    return [*doubling, rows] if rows else []


def queries_to(points: Sequence[Point], value: float) -> int | None:
    """The smallest measured budget from which fidelity is at least `value` and stays so; None if not reached."""
    reached = None
    for rows, best in sorted(points, key=lambda p: p.rows, reverse=True):
        if best.fidelity.value < value:
            break
        reached = rows
    return reached


def above_chance(value: float, chance: float) -> float:
    """Agreement corrected for chance: 0 for what always giving the commonest label reaches, 1 for full agreement."""
    return (value - chance) / (1 - chance) if chance < 1 else 0.0


def area(points: Sequence[tuple[int, float]]) -> float:
    """Mean height of the curve of (rows, fidelity) over the logarithm of rows; the height itself of a single point."""
    rows, heights = (np.asarray(column, float) for column in zip(*sorted(points), strict=True))
    width = np.log(rows[-1] / rows[0])
    return float(np.trapezoid(heights, np.log(rows)) / width) if width > 0 else float(heights.mean())
