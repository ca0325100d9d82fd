"""Membership from labels alone: training rows lie further from the decision boundary and survive more noise."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Membership
from wellhead.redteam.box import Box
from wellhead.redteam.known import Known

_LEVELS, _CUTS = 3, 10
_STEPS = 12
_BLIND_STEPS = 10
_NUMBERS_AT_ONCE = 2**23
_FEWEST = 100


class _Silent(Exception):
    """A round without a single answer: there will be no more."""


def _labels(box: Box, unit: Array) -> Generator[Inputs, Answer, Labels]:
    """The labels of (n, d) points, -1 where unanswered; raises _Silent where none was answered."""
    answer = yield box.inputs(unit)
    if answer.top1 is None or not (answer.top1 >= 0).any():
        raise _Silent
    return answer.top1


def _blocks(rows: Array, numbers: int) -> Iterator[Array]:
    """The rows in blocks that are kept in memory at once. numbers: that each row takes."""
    size = max(_NUMBERS_AT_ONCE // numbers, 1)
    return (rows[start : start + size] for start in range(0, rows.size, size))


def _suited(known: Known) -> Box:
    """The box of a classifier with labelled candidates."""
    known.need(known.task == "classifier", "needs a model that answers with classes")
    known.need(len(known.candidates) > 0 and known.candidate_labels is not None, "needs candidates with true labels")
    return Box.of(known)


class _Walk:
    """Where the search of every candidate stands.

    home: (n, d) candidates.  there: (n, d) the nearest point known with another label.  scores: (n,).
    """

    def __init__(self, box: Box, home: Array, labels: Labels) -> None:
        self.box, self.home, self.labels = box, home, labels
        self.there = home.copy()
        self.scores = np.full(len(home), np.nan)

    def settle(self, rows: Array, points: Array) -> None:
        """Keep those points that are nearer than what was known; a row may come more than once."""
        gap = np.linalg.norm(points - self.home[rows], axis=1)
        order = np.argsort(-gap, kind="stable")
        order = order[~(gap[order] >= self.scores[rows[order]])]
        self.there[rows[order]], self.scores[rows[order]] = points[order], gap[order]

    def sides(self, rows: Array, points: Array) -> Generator[Inputs, Answer, Array]:
        """(r, k): 1 where the (r, k, d) point has another label than its row, -1 where the same, 0 unanswered."""
        r, k, d = points.shape
        told = (yield from _labels(self.box, points.reshape(r * k, d))).reshape(r, k)
        return np.asarray(np.where(told < 0, 0, np.where(told == self.labels[rows][:, None], -1, 1)))

    def approach(self, rows: Array, away: Array) -> Generator[Inputs, Answer, None]:
        """Pull (r, d) points of another label home until just before it turns; all cuts of a level at once."""
        near, far, each = np.zeros(rows.size), np.ones(rows.size), np.arange(rows.size)
        home, way = self.home[rows], away - self.home[rows]
        for _ in range(_LEVELS):
            ends = near[:, None] + (far - near)[:, None] * np.linspace(0, 1, _CUTS + 2)
            sides = yield from self.sides(rows, home[:, None] + ends[:, 1:-1, None] * way[:, None])
            first = np.where((sides > 0).any(axis=1), (sides > 0).argmax(axis=1), _CUTS) + 1
            near, far = ends[each, first - 1], ends[each, first]
        self.settle(rows, home + far[:, None] * way)

    def neighbours(self, told: Labels, rows: Array, count: int) -> Generator[Inputs, Answer, None]:
        """Approach from the `count` nearest other candidates that the model labels differently."""
        size = np.einsum("nd,nd->n", self.home, self.home)
        gaps = size[rows][:, None] + size - 2 * self.home[rows] @ self.home.T
        gaps[(told < 0) | (told == self.labels[rows][:, None])] = np.inf
        nearest = np.argsort(gaps, axis=1)[:, :count]
        pair = np.isfinite(np.take_along_axis(gaps, nearest, axis=1))
        if pair.any():
            yield from self.approach(np.repeat(rows, pair.sum(axis=1)), self.home[nearest[pair]])

    def normals(self, rows: Array, ways: Array, reach: Array) -> Generator[Inputs, Answer, Array]:
        """(r, d): unit normals of the boundary, towards the other label, from (r, k, d) directions."""
        points = np.clip(self.there[rows][:, None] + reach[:, None, None] * ways, 0.0, 1.0)
        sides = yield from self.sides(rows, points)
        heard = np.maximum((sides != 0).sum(axis=1, keepdims=True), 1)
        centred = np.where(sides == 0, 0.0, sides - sides.sum(axis=1, keepdims=True) / heard)
        # where every direction came out on one side, the mean says all there is to know
        weights = np.where(np.abs(centred).sum(axis=1, keepdims=True) > 1e-9, centred, sides)
        found = np.einsum("rk,rkd->rd", weights, points - self.there[rows][:, None])
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-300))


class Boundary(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """L2 distance to the decision boundary, in units of the box (arXiv 2007.14321, 2007.15528).

    HopSkipJump (arXiv 1904.02144) for all candidates at once: each stage is one question, however many there are.
    It starts from the nearest other candidates that the model labels differently, which cost nothing, else from
    uniform points; candidates that the model gets wrong score 0, those without a boundary the box's diagonal.

    inputs, labels: candidates with their true classes.  rounds: steps along the boundary.  starts: how many
    neighbours are tried.  directions: asked in the first step, growing with the square root of the step.
    rows: what may be asked; where it is too little there are fewer rounds, then fewer candidates, the rest NaN.
    Needs labels only; about 1,500 queries a candidate, in 34 batches.
    """

    name: ClassVar[str] = "boundary"
    paper: ClassVar[str] = "Choquette-Choo et al., Label-Only Membership Inference, ICML 2021, arXiv 2007.14321"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.000",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    inputs: Inputs
    labels: Labels
    box: Box
    rows: int = 1_000_000
    rounds: int = 6
    starts: int = 5
    directions: int = 100

    @classmethod
    def suit(cls, known: Known) -> Self:
        """All candidates; raises Unsuited without labels, bounds or numbers, or where rows do not do for a hundred."""
        box = _suited(known)
        known.need(not box.arities.any(), "needs numbers between categories: noise_robustness does without")
        attack = cls(inputs=known.candidates, labels=np.asarray(known.candidate_labels), box=box, rows=known.rows)
        few = min(len(attack.inputs), _FEWEST)
        least = few * attack.cost(1)
        known.need(least <= known.rows, f"needs {least} queries for {few} candidates, fewer tell nothing")
        return attack

    def cost(self, rounds: int) -> int:
        """Queries that one candidate takes at most."""
        search = _LEVELS * _CUTS
        start = max(self.starts, 1) * search + _BLIND_STEPS * _BLIND_STEPS
        return 1 + start + sum(self._draws(t) + _STEPS + search for t in range(rounds))

    def _draws(self, t: int) -> int:
        return min(int(self.directions * (t + 1) ** 0.5), 1000)

    def plan(self) -> tuple[int, int]:
        """(candidates, rounds) that `rows` pay for."""
        n = len(self.inputs)
        rounds = next((t for t in range(self.rounds, 0, -1) if n * self.cost(t) <= self.rows), min(self.rounds, 3))
        while rounds > 1 and min(n, _FEWEST) * self.cost(rounds) > self.rows:
            rounds -= 1
        return min(n, max(self.rows // self.cost(rounds), 1)), rounds

    def run(self, rng: np.random.Generator) -> Conversation:
        """Walk until the rounds are over or no answer comes."""
        count, rounds = self.plan()
        chosen = np.sort(rng.permutation(len(self.inputs))[:count])
        walk = _Walk(self.box, self.box.unit(self.inputs)[chosen], np.asarray(self.labels)[chosen])
        lost = 0
        try:
            rows = yield from self._start(walk, rng)
            free = np.isnan(walk.scores[rows])
            walk.scores[rows[free]], lost = self.box.features**0.5, int(free.sum())
            for t in range(rounds):
                yield from self._step(walk, rows[~free], t, rng)
        except _Silent:
            pass
        scores = np.full(len(self.inputs), np.nan)
        scores[chosen] = walk.scores
        detail = f"{rounds} rounds for {count} of {len(scores)} candidates, {lost} without a boundary"
        return Membership(scores=scores, detail=detail)

    def _start(self, walk: _Walk, rng: np.random.Generator) -> Generator[Inputs, Answer, Array]:
        """Rows that the model gets right, with a point on the boundary where one was found."""
        told = yield from _labels(self.box, walk.home)
        walk.scores[(told >= 0) & (told != walk.labels)] = 0.0
        rows, d = np.flatnonzero(told == walk.labels), self.box.features
        for some in _blocks(rows, max(self.starts * _CUTS * d, len(walk.home))):
            yield from walk.neighbours(told, some, self.starts)
        for _ in range(_BLIND_STEPS):
            for some in _blocks(rows[np.isnan(walk.scores[rows])], _BLIND_STEPS * d):
                points = rng.random((some.size, _BLIND_STEPS, d))
                yield from self._first(walk, some, points)
        return rows

    def _first(self, walk: _Walk, rows: Array, points: Array) -> Generator[Inputs, Answer, None]:
        """Approach from the first of each row's (r, k, d) points that has another label."""
        away = (yield from walk.sides(rows, points)) > 0
        hit = away.any(axis=1)
        if hit.any():
            yield from walk.approach(rows[hit], points[hit, away[hit].argmax(axis=1)])

    def _step(self, walk: _Walk, rows: Array, t: int, rng: np.random.Generator) -> Generator[Inputs, Answer, None]:
        """Along the boundary's normal, as far as the label stays another one, and back to the boundary."""
        draws, d = self._draws(t), self.box.features
        normals = np.zeros_like(walk.home)
        for some in _blocks(rows, draws * d):
            ways = rng.standard_normal((some.size, draws, d))
            ways /= np.linalg.norm(ways, axis=2, keepdims=True)
            reach = np.full(some.size, 0.1) if t == 0 else walk.scores[some] * max(1 / d, 0.003)
            normals[some] = yield from walk.normals(some, ways, reach)
        for some in _blocks(rows, _LEVELS * _CUTS * d):
            sizes = walk.scores[some][:, None] / (t + 1) ** 0.5 * 0.5 ** np.arange(_STEPS)
            points = walk.there[some][:, None] + sizes[:, :, None] * normals[some][:, None]
            yield from self._first(walk, some, np.clip(points, 0.0, 1.0))


class Robust(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Share of noisy copies that the model still gets right: Boundary's score, coarser and cheaper (arXiv 2007.14321).

    Numbers get normal noise, in units of the box; categories, and inputs that hold nothing but the ends of the box, get
    another value with that probability. The copies spread evenly over `strengths`, so that none has to be tuned.

    inputs, labels: candidates with their true classes.  copies: of each candidate.
    rows: what may be asked; where it is too little there are fewer copies, then fewer candidates, the rest NaN.
    Needs labels only; `copies` queries a candidate, in one batch where they fit in memory.
    """

    name: ClassVar[str] = "noise_robustness"
    paper: ClassVar[str] = "Choquette-Choo et al., Label-Only Membership Inference, ICML 2021, arXiv 2007.14321"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.000",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    inputs: Inputs
    labels: Labels
    box: Box
    rows: int = 1_000_000
    copies: int = 200
    strengths: tuple[float, ...] = (0.05, 0.1, 0.15, 0.2, 0.3)

    @classmethod
    def suit(cls, known: Known) -> Self:
        """All candidates; raises Unsuited without labels, bounds or numbers."""
        box = _suited(known)
        return cls(inputs=known.candidates, labels=np.asarray(known.candidate_labels), box=box, rows=known.rows)

    def plan(self) -> tuple[int, int]:
        """(candidates, copies of each) that `rows` pay for."""
        copies = int(np.clip(self.rows // len(self.inputs), min(len(self.strengths), self.copies), self.copies))
        return min(len(self.inputs), max(self.rows // copies, 1)), copies

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask all copies."""
        count, copies = self.plan()
        chosen = np.sort(rng.permutation(len(self.inputs))[:count])
        walk = _Walk(self.box, self.box.unit(self.inputs)[chosen], np.asarray(self.labels)[chosen])
        strengths = np.resize(self.strengths, copies)[:, None]
        try:
            for some in _blocks(np.arange(count), copies * self.box.features):
                sides = yield from walk.sides(some, self._noisy(walk.home[some][:, None], strengths, rng))
                heard = (sides != 0).sum(axis=1)
                walk.scores[some] = np.where(heard > 0, (sides < 0).sum(axis=1) / np.maximum(heard, 1), np.nan)
        except _Silent:
            pass
        scores = np.full(len(self.inputs), np.nan)
        scores[chosen] = walk.scores
        return Membership(scores=scores, detail=f"{copies} noisy copies for {count} of {len(scores)} candidates")

    def _noisy(self, points: Array, strengths: Array, rng: np.random.Generator) -> Array:
        """(r, copies, d) of (r, 1, d) points."""
        shape = (len(points), len(strengths), self.box.features)
        values = np.where(self.box.arities > 0, self.box.arities, 2)
        other = (points + rng.integers(1, values, shape) / (values - 1)) % (values / (values - 1))
        swapped = np.where(rng.random(shape) < strengths, other, points)
        if self.box.ends(self.inputs):
            return np.asarray(swapped)
        return np.where(self.box.arities > 0, swapped, points + strengths * rng.standard_normal(shape))
