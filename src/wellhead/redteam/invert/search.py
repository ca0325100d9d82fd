"""Black-box search for what a class looks like: evolution where confidence is told, repulsion where only labels are."""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Inversion, answered, take_inputs
from wellhead.redteam.invert.aim import Aim, log, told
from wellhead.redteam.known import Known

_PLATEAU = 1e-3


class Search(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Likenesses without gradients, for all classes at once.

    score: `confidence` evolves a population for each class (separable CMA-ES, Ros and Hansen, PPSN 2008);
    `label` draws a sphere around a point of the class, moves away from the directions whose label differs, and widens
    the sphere when none does (BREP-MI, arXiv 2203.05580): it ends deep inside the class.

    aim: coordinates and prior.  inputs: a pool where `label` looks for its first points.  rows: what may be asked.
    population: of each class and round.  patience: rounds without gain that end it.  gamma: as in Miface.
    weight: of the prior for `confidence`, a penalty of weight / 2 * |z|^2 on its logarithm.
    within: of the prior for `label`, the most |z| in units of sqrt(k).
    Needs labels for `label`, probabilities for `confidence`; `population` queries a class and round, one batch each.
    """

    name: ClassVar[str] = "black_box_search"
    paper: ClassVar[str] = "Kahla et al., Label-Only Model Inversion Attacks via Boundary Repulsion, CVPR 2022"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.001",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    aim: Aim
    inputs: Inputs
    score: str = "confidence"
    rows: int = 20_000
    population: int = 32
    patience: int = 12
    gamma: float = 0.05
    weight: float = 0.005
    within: float = 1.0

    def __post_init__(self) -> None:
        if self.score not in ("confidence", "label") or self.population < 4:
            raise ConfigError(f"expected score confidence or label and population >= 4, got {self.score!r}")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """Every class; raises Unsuited where inputs are no numbers or rows do not do for three rounds."""
        score = "confidence" if known.exposure.has_scores else "label"
        attack = cls(aim=Aim.of(known), inputs=known.pool, rows=known.rows, score=score)
        least = 3 * known.classes * attack.population
        known.need(known.rows >= least, f"needs {least} queries")
        return attack

    def run(self, rng: np.random.Generator) -> Conversation:
        """Search until every class is done, the rows are spent, or no answer comes."""
        return (yield from self._repel(rng) if self.score == "label" else self._evolve(rng))

    def _evolve(self, rng: np.random.Generator) -> Generator[Inputs, Answer, Inversion]:
        herd = _Herd(self.aim.classes, self.aim.parts, self.population)
        open_, left = np.arange(self.aim.classes), self.rows
        while open_.size and left >= open_.size * self.population:
            z = herd.draw(open_, rng)
            answer = yield self.aim.inputs(z.reshape(-1, self.aim.parts))
            left -= open_.size * self.population
            if not answered(answer).any():
                break
            found = told(answer, self.aim.classes).reshape(open_.size, self.population, -1)
            confidence = found[np.arange(open_.size), :, open_]
            fitness = log(confidence) - self.weight / 2 * (z * z).sum(axis=2)
            herd.select(open_, z, np.where(np.isnan(confidence), -np.inf, fitness), confidence)
            done = (herd.top[open_] >= 1 - self.gamma) | (herd.stale[open_] >= self.patience)
            open_ = open_[~done]
        reached = int((herd.top >= 1 - self.gamma).sum())
        detail = f"{reached} of {self.aim.classes} classes reached a confidence of {1 - self.gamma:g}"
        return self.aim.result(herd.best, np.arange(self.aim.classes), herd.top, detail)

    def _repel(self, rng: np.random.Generator) -> Generator[Inputs, Answer, Inversion]:
        z, classes, left = yield from self._first(rng)
        radius, stale, moved = np.full(classes.size, 0.5), np.zeros(classes.size, int), np.zeros(classes.size, int)
        open_ = np.arange(classes.size)
        while open_.size and left >= open_.size * self.population:
            ways = rng.standard_normal((open_.size, self.population, self.aim.parts))
            ways /= np.linalg.norm(ways, axis=2, keepdims=True)
            points = z[open_, None] + radius[open_, None, None] * ways
            answer = yield self.aim.inputs(points.reshape(-1, self.aim.parts))
            left -= open_.size * self.population
            labels = answer.top1
            if labels is None or not answered(answer).any():
                break
            labels = labels.reshape(open_.size, self.population)
            wrong = (labels >= 0) & (labels != classes[open_][:, None])
            away = -(wrong[:, :, None] * ways).mean(axis=1)
            away *= np.minimum(radius[open_] / 3, 3.0)[:, None] / np.maximum(wrong.mean(axis=1), 1e-9)[:, None]
            z[open_] = self._plausible(z[open_] + away)
            free = ~wrong.any(axis=1)
            radius[open_] *= np.where(free, 1.3, 1.0)
            moved[open_] += free
            stale[open_] = np.where(free, 0, stale[open_] + 1)
            open_ = open_[(stale[open_] < self.patience) & (radius[open_] < self.aim.parts**0.5)]
        missing = self.aim.classes - classes.size
        detail = (
            f"spheres widened {moved.mean() if moved.size else 0:.1f} times on average, {missing} classes never met"
        )
        return self.aim.result(z, classes, np.full(classes.size, np.nan), detail)

    def _plausible(self, z: Array) -> Array:
        """Coordinates drawn in to `within` of the usual length."""
        length = np.linalg.norm(z, axis=1, keepdims=True)
        return np.asarray(z * np.minimum(1.0, self.within * self.aim.parts**0.5 / np.maximum(length, 1e-300)))

    def _first(self, rng: np.random.Generator) -> Generator[Inputs, Answer, tuple[Array, Labels, int]]:
        """(c, k) a point of each class that was met, (c,) which, and how many rows are left."""
        half = self.rows // 4
        from_pool = rng.permutation(len(self.inputs))[: half // 2]
        z = rng.standard_normal((half - from_pool.size, self.aim.parts)) * 1.5
        if from_pool.size:
            z = np.concatenate([self.aim.coordinates(take_inputs(self.inputs, from_pool)), z])
        answer = yield self.aim.inputs(z)
        labels = np.full(len(z), -1) if answer.top1 is None else answer.top1
        classes, first = np.unique(labels, return_index=True)
        met = (classes >= 0) & (classes < self.aim.classes)
        return z[first[met]], classes[met], self.rows - half


class _Herd:
    """One population for each class. mean, variance: (c, k), pace: (c,) step sizes; best: (c, k) with `top`."""

    def __init__(self, classes: int, parts: int, population: int) -> None:
        self.mean, self.best, self.path, self.drift = (np.zeros((classes, parts)) for _ in range(4))
        self.variance = np.ones((classes, parts))
        self.pace = np.full(classes, 0.5)
        self.top, self.fit = np.full(classes, np.nan), np.full(classes, -np.inf)
        self.stale = np.zeros(classes, np.int64)
        kept = population // 2
        shares = np.log(kept + 0.5) - np.log(np.arange(1, kept + 1))
        self.shares = shares / shares.sum()
        self.mass = 1 / (self.shares**2).sum()

    def draw(self, rows: Labels, rng: np.random.Generator) -> Array:
        """(r, population, k)."""
        steps = rng.standard_normal((rows.size, 2 * self.shares.size, self.mean.shape[1]))
        spread = self.pace[rows, None] * np.sqrt(self.variance[rows])
        return np.asarray(self.mean[rows][:, None] + spread[:, None] * steps)

    def select(self, rows: Labels, z: Array, fitness: Array, confidence: Array) -> None:
        """Move each class's population towards its better half; rates as in the paper."""
        order = np.argsort(-fitness, axis=1, kind="stable")[:, : self.shares.size]
        self._note(rows, z, fitness, confidence, order[:, 0])
        k = z.shape[2]
        y = (np.take_along_axis(z, order[:, :, None], axis=1) - self.mean[rows][:, None]) / self.pace[rows, None, None]
        way = np.einsum("p,rpk->rk", self.shares, y)
        speed = (self.mass + 2) / (k + self.mass + 5)
        slow = (4 + self.mass / k) / (k + 4 + 2 * self.mass / k)
        self.path[rows] *= 1 - speed
        self.path[rows] += np.sqrt(speed * (2 - speed) * self.mass) * way / np.sqrt(self.variance[rows])
        self.drift[rows] = (1 - slow) * self.drift[rows] + np.sqrt(slow * (2 - slow) * self.mass) * way
        one = 2 / ((k + 1.3) ** 2 + self.mass) * (k + 2) / 3
        many = min(1 - one, 2 * (self.mass - 2 + 1 / self.mass) / ((k + 2) ** 2 + self.mass) * (k + 2) / 3)
        spread = np.einsum("p,rpk->rk", self.shares, y * y)
        self.variance[rows] = (1 - one - many) * self.variance[rows] + one * self.drift[rows] ** 2 + many * spread
        self.mean[rows] += self.pace[rows, None] * way
        usual = np.sqrt(k) * (1 - 1 / (4 * k) + 1 / (21 * k * k))
        length = np.linalg.norm(self.path[rows], axis=1) / usual
        self.pace[rows] *= np.exp(np.clip(speed / (1 + speed) * (length - 1), -1, 1))

    def _note(self, rows: Labels, z: Array, fitness: Array, confidence: Array, first: Array) -> None:
        """Remember the best, and count the rounds that brought nothing new."""
        each = np.arange(rows.size)
        fit = fitness[each, first]
        better = fit > self.fit[rows]
        self.stale[rows] = np.where(fit > self.fit[rows] + _PLATEAU, 0, self.stale[rows] + 1)
        self.best[rows[better]] = z[each, first][better]
        self.top[rows[better]] = confidence[each, first][better]
        self.fit[rows[better]] = fit[better]
