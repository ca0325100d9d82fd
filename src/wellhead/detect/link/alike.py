"""How alike the members of a group are, beside random groups of honest principals of the same size and rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link import habit
from wellhead.detect.link.crowd import centre_of, parts_of
from wellhead.detect.link.population import BANDS, Points, Population

DRAWS = 499
COMPARED = 64
"""Of larger groups so many members are compared, chosen at random."""


class Alike(NamedTuple):
    """Of one group: mean log-likelihood ratios a member of sharing one source, by `inputs`, `answers` and repeating
    `novelty`; `distinct`: share of their rows that nobody in the group had asked; `all`: the sum of the three."""

    inputs: float
    answers: float
    novelty: float
    distinct: float
    all: float


def alike(population: Population, points: Points, usual: Array) -> Alike:
    """How alike these points are, each against the source of the others."""
    centre = centre_of(points)
    inputs, answers = (float(part.mean()) for part in parts_of(population, points, centre, without=True))
    novelty = float(habit.gain(points.unique, points.rows, usual, centre.unique).mean())
    distinct = float(np.average(points.unique, weights=points.rows)) * (1.0 - repeated(points.hashes))
    return Alike(inputs, answers, novelty, distinct, inputs + answers + novelty)


def repeated(hashes: Array) -> float:
    """Share of distinct inputs that another of the group asked too, from bottom-k samples (k, h).

    Only hashes above the least that every full sample holds are counted, so that each of them would be seen everywhere
    (Bar-Yossef et al. 2002).
    """
    least = hashes.min(axis=1).max(initial=0)
    seen = hashes[(hashes >= least) & (hashes > 0)]
    return 1.0 - np.unique(seen).size / seen.size if seen.size else 0.0


def random_groups(population: Population, band: Array, segment: Array, rng: np.random.Generator) -> list[Alike]:
    """DRAWS groups of honest looks, as many in each band as in `band` (k,).

    segment: index into the population's segments whose principals may be drawn; empty: all.
    """
    looks, usual = population.looks, population.usual(population.looks)
    allowed = np.isin(population.segment, segment) if segment.size else np.ones(len(looks), bool)
    pools = [(np.flatnonzero(allowed & (looks.band == b)), int(n)) for b, n in enumerate(_counts(band))]
    pools = [(pool if pool.size >= 2 * n else population.some(b, len(looks)), n) for b, (pool, n) in enumerate(pools)]
    found = []
    for _ in range(DRAWS):
        parts = [rng.choice(pool, min(n, pool.size), replace=False) for pool, n in pools if n]
        drawn = np.concatenate(parts)
        found.append(alike(population, looks.take(drawn), usual[drawn]))
    return found


def p_random(value: float, others: Array) -> float:
    """Conformal p-value of a value among those of random groups: (1 + how many are as large) / (1 + all)."""
    return float((1 + np.count_nonzero(others >= value)) / (1 + others.size))


def _counts(band: Array) -> Array:
    return np.bincount(band, minlength=BANDS)
