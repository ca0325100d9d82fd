"""Membership relative to other records: few reference models, and a population to compare with."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Membership, take_inputs
from wellhead.redteam.known import Known
from wellhead.redteam.membership.leak import auc
from wellhead.redteam.membership.shadows import Records, Training, draw_outside, shadow_margins
from wellhead.redteam.membership.told import ask, both, need_candidates, outsiders, told_margins
from wellhead.redteam.network import Recipe

_UNTUNED = 0.3
_OFFSETS = tuple(i / 10 for i in range(11))
_LEAST = 1e-12
_FEW = 40


class Rmia(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Robust membership inference, offline (Zarifzadeh et al., ICML 2024, arXiv 2312.03262, section 3 and appendix B).

    A record's ratio is the target's probability of the true label over what models that did not see it give; the
    score is the share of a population of non-members whose ratio is `gamma` times smaller.
    candidates, labels: (n, ...) and their true classes.  pool, pool_labels: rows that the target did not see, for
    the references; population, population_labels: others of them, never trained on and never scored.
    references, train_rows, recipe, network: how many, and how they are trained.
    offset: `a` of the paper, how far the mean over models that did not see a record lies below that over all;
    negative: tuned by attacking one of the references.
    Needs probabilities. One query for each candidate and each of the population, in one round.
    """

    name: ClassVar[str] = "rmia"
    paper: ClassVar[str] = "Zarifzadeh et al., ICML 2024, arXiv 2312.03262"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.000",)
    needs: ClassVar[Exposure] = Exposure.PROBABILITIES
    repeats: ClassVar[bool] = False

    candidates: Inputs
    labels: Labels
    population: Inputs
    population_labels: Labels
    pool: Inputs = np.zeros((0, 0), np.float32)
    pool_labels: Labels = np.zeros(0, np.int64)
    train_rows: int = 0
    recipe: str = "mlp"
    network: Recipe = Recipe()
    references: int = 4
    gamma: float = 1.0
    offset: float = -1.0
    decimals: int = -1

    def __post_init__(self) -> None:
        if self.references < 1 or self.gamma <= 0 or self.offset > 1:
            raise ConfigError("expected 1 reference or more, gamma above 0 and offset at most 1")
        pairs = ((self.candidates, self.labels), (self.pool, self.pool_labels))
        if any(len(a) != len(b) for a, b in (*pairs, (self.population, self.population_labels))):
            raise ConfigError("expected one true label for each candidate and each row of pool and population")
        if not len(self.population):
            raise ConfigError("expected a population of one non-member or more")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """A quarter of the labelled pool, and what the budget leaves, is population; raises Unsuited without a pool."""
        labels = need_candidates(known)
        pool, pool_labels = outsiders(known)
        known.need(len(pool_labels) >= _FEW, f"needs {_FEW} labelled rows or more that are no candidates")
        some = min(len(pool_labels) // 4, known.rows - labels.size)
        known.need(some >= _FEW // 4, f"needs a budget of {labels.size + _FEW // 4} rows or more")
        # Evenly from the whole pool, which may be sorted.
        chosen = np.isin(np.arange(len(pool_labels)), np.linspace(0, len(pool_labels) - 1, some).astype(np.int64))
        return cls(
            candidates=known.candidates,
            labels=labels,
            population=take_inputs(pool, chosen),
            population_labels=pool_labels[chosen],
            pool=take_inputs(pool, ~chosen),
            pool_labels=pool_labels[~chosen],
            train_rows=known.train_rows,
            recipe=known.recipe,
            decimals=known.decimals,
        )

    def run(self, rng: np.random.Generator) -> Conversation:
        """Ask once, then train and compare."""
        asked = Records(both(self.candidates, self.population), np.concatenate([self.labels, self.population_labels]))
        n = len(self.labels)
        answer = yield from ask(asked.inputs)
        told = _shares(told_margins(answer, asked.labels, self.decimals))
        if np.isnan(told[:n]).all() or np.isnan(told[n:]).all():
            return Membership(scores=np.full(n, np.nan), detail="candidates or population were not answered")
        sets = draw_outside(n, len(self.pool), self.train_rows, self.references, rng)
        world = self._references(sets, rng)
        a = self.offset if self.offset >= 0 else world.tuned(self.gamma)
        ratios = told / np.delete(world.expected(a), np.s_[n : n + len(self.pool)])
        detail = (
            f"{self.references} references trained on {int(sets.sum(axis=1).mean())} rows each, "
            f"a population of {len(told) - n}, a = {a:.1f}"
        )
        return Membership(scores=dominated(ratios[:n], ratios[n:], self.gamma), detail=detail)

    def _references(self, sets: Array, rng: np.random.Generator) -> References:
        """What references trained on the sets say of candidates, pool and population."""
        records = Records(both(self.candidates, self.pool), np.concatenate([self.labels, self.pool_labels]))
        training = Training(self.recipe, self.network, self.train_rows, self.decimals)
        asked = (records, Records(self.population, self.population_labels))
        said = np.hstack(shadow_margins(records, sets, training, asked, rng))
        z = len(self.population_labels)
        return References(_shares(said), np.pad(sets, ((0, 0), (0, z))), z)


class References(NamedTuple):
    """Probabilities of the true label under K references. shares: (K, n), the last `population` columns are its.

    within: (K, n) bool, the record was trained on.
    """

    shares: Array
    within: Array
    population: int

    def expected(self, a: float) -> Array:
        """(n,): the mean over models with and without the record, from those without (equation 10).

        A record that every reference has seen is judged by all of them.
        """
        out = ~self.within | self.within.all(axis=0)
        unseen = np.where(out, self.shares, 0.0).sum(axis=0) / out.sum(axis=0)
        return np.asarray(np.maximum(((1 + a) * unseen + 1 - a) / 2, _LEAST))

    def tuned(self, gamma: float) -> float:
        """The `a` with which the others tell best what the first reference was trained on."""
        n = self.within.shape[1] - self.population
        if len(self.shares) < 2 or self.within[0, :n].all():
            return _UNTUNED
        others = References(self.shares[1:], self.within[1:], self.population)
        areas = []
        for a in _OFFSETS:
            ratios = self.shares[0] / others.expected(a)
            areas.append(auc(dominated(ratios[:n], ratios[n:], gamma), self.within[0, :n]))
        return _OFFSETS[int(np.argmax(areas))]


def dominated(ratios: Array, population: Array, gamma: float) -> Array:
    """(n,): share of the population whose ratio is at least `gamma` times smaller; NaN where there is no ratio.

    Within one step of that share larger ratios come first, so that a small population makes no ties.
    """
    z = np.sort(population[~np.isnan(population)])
    count = np.searchsorted(z, ratios / gamma, side="right")
    return np.where(np.isnan(ratios), np.nan, (count + ratios / (1 + ratios)) / (z.size + 1))


def _shares(margins: Array) -> Array:
    """Probabilities of these logits."""
    small = np.exp(-np.abs(margins))
    return np.asarray(np.where(margins >= 0, 1.0, small) / (1 + small))
