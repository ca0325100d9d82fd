"""Where to begin: principals with more close neighbours than honest ones have."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link import habit
from wellhead.detect.link.crowd import LEAST_MEMBERS, Crowd
from wellhead.detect.link.population import BANDS, Points, Population
from wellhead.detect.link.ties import Ties

BLOCK = 512
"""Principals whose pairs with all others are held at a time: 80 MB at 20,000."""
BLOCKS = 64
_HONEST = 600
_RARE = 1e-3


def crowding(crowd: Crowd) -> Array:
    """(u,) by how many standard deviations each principal has more close neighbours than among honest looks.

    A neighbour counts by how much likelier the pair is one source than 999 of 1,000 honest pairs are.
    """
    points, population = crowd.points, crowd.population
    near, usual = np.zeros(len(points)), np.zeros(len(points))
    at = [np.flatnonzero(points.band == b) for b in range(BANDS)]
    for a, here in enumerate(at):
        for b, there in enumerate(at):
            if here.size and there.size:
                cut, looks = honest_cut(crowd, a, b), population.some(b, _HONEST)
                live = points.take(there), crowd.usual[there]
                honest = population.looks.take(looks), crowd.usual_looks[looks]
                for start in range(0, here.size, BLOCK):
                    rows = here[start : start + BLOCK]
                    pair = pair_scores(population, points.take(rows), *live)
                    pair[rows[:, None] == there] = -np.inf
                    near[rows] += np.maximum(pair - cut, 0.0).sum(axis=1)
                    pair = pair_scores(population, points.take(rows), *honest)
                    usual[rows] += np.maximum(pair - cut, 0.0).sum(axis=1) * (there.size / looks.size)
    return np.asarray((near - usual) / np.sqrt(usual + 1.0))


def pair_scores(population: Population, a: Points, b: Points, usual: Array) -> Array:
    """(i, j) log-likelihood ratio that a pair is one source; each side's rows are taken for its median."""
    rows_a, rows_b = float(np.median(a.rows)), float(np.median(b.rows))
    found = population.inputs.pairs(a.inputs, rows_a, b.inputs, rows_b, b.alone[:, 0])
    found += population.answers.pairs(a.answers, rows_a, b.answers, rows_b, b.alone[:, 1])
    found += habit.gain(b.unique, b.rows, usual, a.unique[:, None])
    return found


def honest_cut(crowd: Crowd, a: int, b: int) -> float:
    """What 1 in 1,000 pairs of honest looks at these bands exceed."""
    population, looks = crowd.population, crowd.population.looks
    one, other = (population.some(band, _HONEST) for band in (a, b))
    pair = pair_scores(population, looks.take(one), looks.take(other), crowd.usual_looks[other])
    apart = population.owner[one][:, None] != population.owner[other]
    return float(np.quantile(pair[apart], 1.0 - _RARE)) if apart.any() else np.inf


def blocks(ties: Ties) -> list[Array]:
    """Principals that a rare value ties, LEAST_MEMBERS or more, as indices; at most BLOCKS of them, the largest first.

    A block is judged by itself: the same few close accounts are far less likely among ten than among ten thousand.
    """
    held: dict[str, list[int]] = {}
    for i, kinds in enumerate(ties.values):
        for value in frozenset().union(*kinds):
            held.setdefault(value, []).append(i)
    found = sorted({tuple(v) for v in held.values() if len(v) >= LEAST_MEMBERS}, key=lambda v: (-len(v), v))
    return [np.array(v) for v in found[:BLOCKS]]
