"""Fits the population at calibration, and learns by cross-fitting how honest principals crowd."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link.link import campaigns
from wellhead.detect.link.population import (
    ANSWERS,
    BANDS,
    INPUTS,
    KEPT,
    NEAR,
    Points,
    Population,
    Segments,
    columns_of,
    named,
    rows_of,
    segment_word,
    visible,
)
from wellhead.detect.link.source import fit_source
from wellhead.meter.view import Views

SPLITS = 4
"""Random halvings of the honest: each half is searched with what the other half has taught."""
STAGES = (1.0, 0.5)
"""How much of its looks each principal has made when it is searched: at the end of a period, and on the way."""
LEAST_PRINCIPALS = 60
"""Of fewer, halves say nothing about how principals crowd."""


def fit_population(views: Views, segments: Segments, rng: np.random.Generator) -> Population:
    """The Population of honest development principals, and the least probable groups that they form themselves.

    views: looks at them; a name may occur once for each power of two of rows that it passed, which is what tells noise
    from identity best.  segments: of each name.  Of fewer than LEAST_PRINCIPALS it cannot be known how they crowd,
    and no campaign can be named.
    """
    views = rows_of(views, visible(views))
    whole = modelled(views, segments, rng)
    return msgspec.structs.replace(whole, honest=crowds(views, segments, rng))


def crowds(views: Views, segments: Segments, rng: np.random.Generator) -> Array:
    """(w, 2) see Population.honest: searches of one half of the honest beside the other, at each of STAGES."""
    owner = _owners(views)
    many = int(owner.max(initial=-1)) + 1
    found = []
    for _ in range(SPLITS if many >= LEAST_PRINCIPALS else 0):
        first = rng.permutation(many) < many // 2
        for mine in (first[owner], ~first[owner]):
            people = modelled(rows_of(views, ~mine), segments, rng)
            for stage in STAGES:
                live = rows_of(views, np.flatnonzero(mine)[_looks_at(owner[mine], views.rows[mine], stage)])
                least = [math.log(c.p_value) for c in campaigns(live, people, segments, math.log(NEAR), rng)]
                found.append((len(live), min(least, default=0.0)))
    return np.array(found, np.float64).reshape(-1, 2)


def modelled(views: Views, segments: Segments, rng: np.random.Generator) -> Population:
    """The Population without its honest groups."""
    rows, owner = np.clip(views.distinct, 1.0, None), _owners(views)
    inputs, answers = (fit_source(columns_of(views, f), rows, owner, views.rows) for f in (INPUTS, ANSWERS))
    known = tuple(sorted({segment_word(segments, name) for name in views.names}))
    nobody, none = np.zeros(0), np.zeros((0, 2))
    empty = Points(*(nobody for _ in Points.__struct_fields__))
    bare = Population(
        inputs=inputs, answers=answers, looks=empty, owner=nobody, segment=nobody, segments=known, honest=none
    )
    looks = bare.points(views)
    kept = _some(looks.band, rng)
    of = named(views.names, segments, known)
    return msgspec.structs.replace(bare, looks=looks.take(kept), owner=owner[kept], segment=of[kept])


def _owners(views: Views) -> Array:
    numbers = {name: i for i, name in enumerate(dict.fromkeys(views.names))}
    return np.array([numbers[name] for name in views.names], np.int64)


def _looks_at(owner: Array, rows: Array, stage: float) -> Array:
    """Index of one look of each owner: the last of this share of its looks, the fewest rows first."""
    order = np.lexsort((rows, owner))
    starts = np.flatnonzero(np.diff(owner[order], prepend=-1))
    counts = np.diff(starts, append=owner.size)
    return np.asarray(order[starts + np.maximum(np.ceil(stage * counts).astype(np.int64), 1) - 1])


def _some(band: Array, rng: np.random.Generator) -> Array:
    """At most KEPT of each band, at random."""
    shuffled = rng.permutation(band.size)
    return np.sort(np.concatenate([shuffled[band[shuffled] == b][:KEPT] for b in range(BANDS)]))
