"""From what the sketches show to campaigns."""

from __future__ import annotations

import math

import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link.campaign import Campaign
from wellhead.detect.link.case import case
from wellhead.detect.link.crowd import LEAST_MEMBERS, Crowd, Group
from wellhead.detect.link.population import Population, Segments, named, rows_of, visible
from wellhead.detect.link.seeds import blocks, crowding
from wellhead.detect.link.ties import Ties, ties_of
from wellhead.meter.view import Views

SEEDS = 64
"""Principals round which a group is looked for, those with the most close neighbours."""
ALPHA = 1e-3
"""A group is a campaign where honest principals form such a one anywhere with at most this probability."""


def link(
    views: Views,
    population: Population,
    segments: Segments | None = None,
    alpha: float = ALPHA,
    rng: np.random.Generator | None = None,
) -> list[Campaign]:
    """The campaigns among these principals, the most improbable first; no principal is in two.

    views: one row a principal, over the whole window, so that accounts that were never alive together are compared.
    population: from `fit_population` of the same profile.  segments: of each name: random groups are then drawn from
    the members' segments.  rng: for the random groups; by default the same ones each time.
    """
    rng = rng or np.random.default_rng(0)
    seen = visible(views)
    if seen.size < LEAST_MEMBERS:
        return []
    views = rows_of(views, seen)
    crowd, ties = Crowd(population.points(views), population), ties_of(views, rng)
    of = named(views.names, segments, population.segments)
    found = (case(crowd, views, ties, group, of, rng) for group in groups(crowd, math.log(alpha), ties))
    return [campaign for campaign in found if campaign is not None]


def groups(crowd: Crowd, log_alpha: float, ties: Ties | None = None) -> list[Group]:
    """Groups that honest principals would hardly form, the most improbable first; no principal is in two."""
    grown = [crowd.grow(np.zeros(0, np.int64), crowd.everybody(), 1)]
    grown += _blocked(crowd, ties) if ties else []
    covered = {i for g in grown if g.log_p <= log_alpha for i in g.members.tolist()}
    everyone = len(crowd.points)
    tried = 0
    for i in np.argsort(-crowding(crowd), kind="stable").tolist():
        if tried == SEEDS:
            break
        if i not in covered:
            tried += 1
            grown.append(crowd.grow(np.array([i]), None, everyone))
            covered.update(grown[-1].members.tolist() if grown[-1].members.size >= LEAST_MEMBERS else ())
    sure = [g for g in grown if g.members.size >= LEAST_MEMBERS and g.log_p <= log_alpha]
    return _apart([crowd.expand(g, everyone) for g in _apart(sure)])


def _blocked(crowd: Crowd, ties: Ties) -> list[Group]:
    """Groups within the principals that share a rare value, or were born together: few are compared with few."""
    blocking = blocks(ties)
    found = []
    for block in blocking:
        group = crowd.take(block).grow(np.arange(block.size), None, len(blocking))
        found.append(Group(block[group.members], _spread(group.scores, block, len(crowd.points)), group.log_p))
    return found


def _spread(scores: Array, block: Array, size: int) -> Array:
    full = np.full(size, -np.inf)
    full[block] = scores
    return full


def _apart(grown: list[Group]) -> list[Group]:
    """Of groups that overlap, only the most improbable."""
    taken: set[int] = set()
    kept = []
    for group in sorted(grown, key=lambda g: g.log_p):
        if not taken & set(group.members.tolist()):
            kept.append(group)
            taken |= set(group.members.tolist())
    return kept
