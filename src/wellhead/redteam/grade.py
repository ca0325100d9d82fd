"""How good what an attack brought home is: marks on inputs that nobody else asked."""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.event import Answer
from wellhead.redteam.attack import Clone, Extraction, answered, length, scored, take, take_inputs
from wellhead.redteam.learner import LEARNERS, Learner, fit_answers, probabilities, trainings
from wellhead.redteam.measure import Fidelity, budgets, fidelity
from wellhead.redteam.network import Recipe, train
from wellhead.redteam.outcome import Exact, Mark
from wellhead.redteam.tap import Heap

_SEEDS = 3
_VERY_MANY, _FEW_CLASSES, _BOOSTED = 200, 3, 20_000
TOO_MANY = 1000
"""Classes above which clones are graded at the end of an attack only, and trained once."""
_NO_NEED = 0.999
_EXACT_ERROR = 1e-3


class Judges(NamedTuple):
    """Inputs with their true answers, never shown to an attack. held: like those served.  spread: uniform ones."""

    held: Inputs
    truth: Answer
    spread: Inputs | None = None
    spread_truth: Answer | None = None


class Graded(NamedTuple):
    """A clone and how it did. told: what it learnt from, `scores`, `labels` or `values`."""

    clone: Clone
    learner: str
    told: str
    fidelity: Fidelity


def judges_of(held: Inputs, truth: Answer, spread: Inputs, spread_truth: Answer) -> Judges:
    """Those that were answered."""
    heard, there = answered(truth), answered(spread_truth)
    kept = take_inputs(held, heard), take(truth, heard)
    return Judges(*kept, take_inputs(spread, there), take(spread_truth, there)) if there.any() else Judges(*kept)


def perceptron(inputs: Inputs, targets: Array, seed: int) -> Any:
    """A network that learns probabilities as they are, and does not mind thousands of classes."""
    return train(inputs, targets, Recipe(centred=True), np.random.default_rng(seed))


def learners_for(classes: int, rows: int, text: bool = False) -> dict[str, Learner]:
    """The learners worth their time: boosting grows trees for each class, and others a column for each."""
    if classes == 1:
        return {"logistic": LEARNERS["logistic"]}
    chosen: dict[str, Learner] = {} if text else {"perceptron": perceptron}
    if classes <= _VERY_MANY:
        chosen["logistic"] = LEARNERS["logistic"]
        chosen["random_forest"] = LEARNERS["random_forest"]
    if classes <= _FEW_CLASSES and rows <= _BOOSTED:
        chosen["gradient_boosting"] = LEARNERS["gradient_boosting"]
    return chosen or {"logistic": LEARNERS["logistic"]}


@contextmanager
def one_thread() -> Iterator[None]:
    """Small fits lose more time waiting for threads than they gain by them."""
    try:
        limits = importlib.import_module("threadpoolctl").threadpool_limits
    except ImportError:
        yield
        return
    with limits(1):
        yield


def grade(extraction: Extraction, judges: Judges, seed: int = 0) -> tuple[tuple[Mark, ...], Clone | None]:
    """Marks at log-spaced budgets, the last at all answered rows, and the best clone; none where none was answered."""
    with one_thread():
        return _grade(extraction, judges, seed)


def _grade(extraction: Extraction, judges: Judges, seed: int) -> tuple[tuple[Mark, ...], Clone | None]:
    rows = np.flatnonzero(answered(extraction.answer))
    if not rows.size or not length(judges.truth):
        return (), None
    inputs, answer = take_inputs(extraction.inputs, rows), take(extraction.answer, rows)
    own = _own(extraction.clone, judges)
    if own is not None and own.fidelity.value >= _NO_NEED:
        return (_mark(rows.size, own, [own.fidelity.value], judges),), own.clone
    graded = list(_tried(inputs, answer, judges, seed))
    best = max([*graded, *([own] if own else [])], key=lambda g: g.fidelity.value)
    retrained = max(graded, key=lambda g: g.fidelity.value)
    sizes = budgets(rows.size)[:-1] if _classes(answer) <= TOO_MANY else []
    marks = [_at(n, inputs, answer, retrained, judges, seed) for n in sizes]
    shares = [best.fidelity.value] if best is own else _shares(inputs, answer, best, judges, seed)
    return (*marks, _mark(rows.size, best, shares, judges)), best.clone


def _own(clone: Clone | None, judges: Judges) -> Graded | None:
    return None if clone is None else Graded(clone, "its own", "answers", fidelity(clone, judges.held, judges.truth))


def _tried(inputs: Inputs, answer: Answer, judges: Judges, seed: int) -> Iterator[Graded]:
    """Every learner on the scores, or what there is; then the best of them on labels alone."""
    learners = _learners(inputs, answer)
    first: list[Graded] = []
    few = 1 if _classes(answer) > TOO_MANY else None
    for told, asked, targets in itertools.islice(trainings(inputs, answer), few):
        names = [max(first, key=lambda g: g.fidelity.value).learner] if first else list(learners)
        for name in names:
            clone = learners[name](asked, targets, seed)
            first.append(Graded(clone, name, told, fidelity(clone, judges.held, judges.truth)))
            yield first[-1]


def _learners(inputs: Inputs, answer: Answer) -> dict[str, Learner]:
    return learners_for(_classes(answer), len(inputs), isinstance(inputs, list))


def _classes(answer: Answer) -> int:
    if answer.scores is not None:
        return int(answer.scores.shape[1])
    return 0 if answer.top1 is None else int(answer.top1.max(initial=0)) + 1


def _fit(inputs: Inputs, answer: Answer, like: Graded, seed: int) -> Clone | None:
    """The same learner on the same kind of answers; None where these rows have none of that kind."""
    for told, asked, targets in trainings(inputs, answer):
        if told == like.told:
            clone: Clone = (LEARNERS | {"perceptron": perceptron})[like.learner](asked, targets, seed)
            return clone
    return None


def _at(n: int, inputs: Inputs, answer: Answer, like: Graded, judges: Judges, seed: int) -> Mark:
    """The mark after the first n rows: the learner that was best in the end, or logistic regression."""
    first = np.arange(n)
    asked, told = take_inputs(inputs, first), take(answer, first)
    clones = {like.learner: _fit(asked, told, like, seed)}
    if like.learner != "logistic" and _classes(answer) <= _VERY_MANY:
        clones["logistic"] = fit_answers(asked, told, "logistic", seed)
    graded = [
        Graded(clone, name, like.told, fidelity(clone, judges.held, judges.truth))
        for name, clone in clones.items()
        if clone is not None
    ]
    best = max(graded, key=lambda g: g.fidelity.value)
    return _mark(n, best, [best.fidelity.value], judges)


def _shares(inputs: Inputs, answer: Answer, best: Graded, judges: Judges, seed: int) -> list[float]:
    """Fidelity of the same learner with other seeds."""
    if best.learner == "logistic" or _classes(answer) > _VERY_MANY:
        return [best.fidelity.value]  # the one has no seed, the other would take minutes
    clones = [_fit(inputs, answer, best, seed + i) for i in range(1, _SEEDS)]
    others = [fidelity(c, judges.held, judges.truth).value for c in clones if c is not None]
    return [best.fidelity.value, *others]


def _mark(rows: int, graded: Graded, shares: list[float], judges: Judges) -> Mark:
    found = graded.fidelity
    elsewhere = -1.0
    if judges.spread is not None and judges.spread_truth is not None:
        elsewhere = fidelity(graded.clone, judges.spread, judges.spread_truth).value
    return Mark(
        rows=rows,
        fidelity=found.value,
        low=round(found.low, 12),
        high=round(found.high, 12),
        spread=float(np.std(shares, ddof=1)) if len(shares) > 1 else 0.0,
        elsewhere=elsewhere,
        distance=_distance(graded.clone, judges),
        learner=graded.learner,
        told=graded.told,
    )


def _differences(clone: Clone, judges: Judges) -> Array | None:
    """(n, k) between the probabilities of clone and target; None where either tells none."""
    if judges.truth.scores is None or not scored(judges.truth).all() or not hasattr(clone, "predict_proba"):
        return None
    known = probabilities(judges.truth)
    told = np.asarray(clone.predict_proba(judges.held))
    return told - known if told.shape == known.shape else None


def _distance(clone: Clone, judges: Judges) -> float:
    """Mean total variation, -1 where it cannot be told."""
    differences = _differences(clone, judges)
    return -1.0 if differences is None else float(np.abs(differences).sum(axis=1).mean() / 2)


def exactness(clone: Clone | None, judges: Judges) -> Exact | None:
    """How exactly the model was recovered; None where the clone is no more than alike."""
    if clone is None or fidelity(clone, judges.held, judges.truth).value < 1.0:
        return None
    points = length(judges.truth)
    if judges.truth.values is not None:
        error = float(np.abs(clone.predict(judges.held) - judges.truth.values).max())
        scale = max(float(np.abs(judges.truth.values).max()), 1e-300)
        return Exact(error=error, points=points, bound=3 / points) if error <= _EXACT_ERROR * scale else None
    differences = _differences(clone, judges)
    error = math.inf if differences is None else float(np.abs(differences).max())
    return Exact(error=error, points=points, bound=3 / points) if error <= _EXACT_ERROR else None


class Quick:
    """A rough reading of the clone so far, each time the answers have doubled."""

    def __init__(self, judges: Judges) -> None:
        self._judges, self._next, self._last = judges, 50, -1.0

    def look(self, heap: Heap) -> float:
        """Fidelity of a linear clone on some judges, -1 before there is one."""
        wide = self._judges.truth.scores is not None and self._judges.truth.scores.shape[1] > 50
        if heap.rows >= self._next and not wide:
            self._next = 2 * heap.rows
            got, some = heap.extraction, np.arange(min(length(self._judges.truth), 300))
            clone = fit_answers(got.inputs, got.answer, "logistic", 0)
            self._last = fidelity(clone, self._judges.held[: some.size], take(self._judges.truth, some)).value
        return self._last
