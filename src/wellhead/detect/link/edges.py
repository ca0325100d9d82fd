"""The strongest ties between members, each of two independent kinds at least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link.alike import repeated
from wellhead.detect.link.campaign import Edge
from wellhead.detect.link.crowd import Crowd
from wellhead.detect.link.population import KEPT, Population
from wellhead.detect.link.ties import Ties

MOST = 3
"""Edges that each member brings at most."""
TIED = 200
"""Members, those that fit best, that edges are looked for between; the others are tied to the union."""
UNUSUAL = 0.95
_PAIRS = 200
_FEW = 0.1
_SAID = (
    ("inputs", "they ask alike, closer than 95 of 100 honest pairs at as many rows"),
    ("answers", "they get alike answers, closer than 95 of 100 honest pairs at as many rows"),
    ("novelty", "neither ever asks what it or the other has asked"),
    ("timing", "they are active in the same hours"),
    ("access", "they share a rare organisation, network or agent"),
    ("account", "they were made or first seen together"),
    ("account", "one began when the other stopped"),
)


def edges_of(crowd: Crowd, ties: Ties, members: Array, names: Sequence[str]) -> tuple[Edge, ...]:
    """The edges of a group's members, the strongest of each; those of one kind only are left out."""
    inputs, answers = _pairs(crowd, members)
    band = crowd.points.band[members]
    of_band = {b: _cuts(crowd.population, b) for b in set(band.tolist())}
    cuts = np.array([of_band[b] for b in band.tolist()])
    held = np.stack(
        [
            inputs > np.minimum(cuts[:, None, 0], cuts[None, :, 0]),
            answers > np.minimum(cuts[:, None, 1], cuts[None, :, 1]),
            _never(crowd, members),
            ties.timing(members),
            ties.shared(members, 0),
            ties.born(members) | ties.shared(members, 1),
            ties.relay(members),
        ]
    )
    kinds = [held[: len(_SAID)][[i for i, (k, _) in enumerate(_SAID) if k == kind]].any(axis=0) for kind in _kinds()]
    strength = np.where(np.sum(kinds, axis=0) >= 2, inputs + answers + 5.0 * held[2:].sum(axis=0), -np.inf)
    np.fill_diagonal(strength, -np.inf)
    return tuple(_edge(held[:, i, j], names[members[i]], names[members[j]]) for i, j in _strongest(strength))


def _kinds() -> list[str]:
    return list(dict.fromkeys(kind for kind, _ in _SAID))


def _strongest(strength: Array) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j: the MOST strongest of each row, the strongest first."""
    chosen: set[tuple[int, int]] = set()
    for i, row in enumerate(strength):
        best = np.argsort(-row, kind="stable")[:MOST]
        chosen.update((min(i, int(j)), max(i, int(j))) for j in best if np.isfinite(row[j]))
    return sorted(chosen, key=lambda pair: (-strength[pair], pair))


def _edge(held: Array, a: str, b: str) -> Edge:
    said = [_SAID[k] for k in np.flatnonzero(held)]
    first, second = sorted((a, b))
    return Edge(a=first, b=second, kinds=tuple(dict.fromkeys(k for k, _ in said)), reasons=tuple(w for _, w in said))


def _pairs(crowd: Crowd, members: Array) -> tuple[Array, Array]:
    """(k, k) log-likelihood ratios of each pair, by inputs and by answers."""
    own, population = crowd.points.take(members), crowd.population
    rows = float(np.median(own.rows))
    return (
        population.inputs.pairs(own.inputs, rows, own.inputs, rows, own.alone[:, 0]),
        population.answers.pairs(own.answers, rows, own.answers, rows, own.alone[:, 1]),
    )


def _cuts(population: Population, band: int) -> tuple[float, float]:
    """What UNUSUAL of the honest pairs at this band stay below, by inputs and by answers."""
    looks = population.looks.take(population.some(band, _PAIRS))
    rows, pairs = float(np.median(looks.rows)), ~np.eye(len(looks), dtype=bool)
    inputs = population.inputs.pairs(looks.inputs, rows, looks.inputs, rows, looks.alone[:, 0])
    answers = population.answers.pairs(looks.answers, rows, looks.answers, rows, looks.alone[:, 1])
    return float(np.quantile(inputs[pairs], UNUSUAL)), float(np.quantile(answers[pairs], UNUSUAL))


def _never(crowd: Crowd, members: Array) -> Array:
    """(k, k) bool: both repeat themselves as little as few honest principals do, and the other never."""
    own, population = crowd.points.take(members), crowd.population
    honest = {b: population.looks.unique[population.some(b, KEPT)] for b in set(own.band.tolist())}
    rare = np.array([(honest[b] >= u).mean() for b, u in zip(own.band.tolist(), own.unique, strict=True)]) <= _FEW
    none = np.array([[repeated(np.stack((a, b))) == 0.0 for b in own.hashes] for a in own.hashes])
    return np.asarray(none.reshape(len(own), len(own)) & rare & rare[:, None])
