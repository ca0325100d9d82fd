"""From what the sketches show to campaigns."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link.campaign import Campaign
from wellhead.detect.link.case import LEAST_LOG_P, case
from wellhead.detect.link.crowd import LEAST_MEMBERS, Crowd, Group
from wellhead.detect.link.population import Population, Segments, named, rows_of, visible
from wellhead.detect.link.seeds import blocks, crowding
from wellhead.detect.link.ties import Ties, ties_of
from wellhead.meter.view import Views

SEEDS = 64
"""Principals round which a group is looked for, those with the most close neighbours."""
EXCHANGED = 0.01
"""A group's members would sit so unevenly, here and not in the calibration, with at most this probability."""
ALPHA = 1e-3
"""A group is a campaign where it is less probable by this factor than the least probable one of the honest."""


def link(
    views: Views,
    population: Population,
    segments: Segments | None = None,
    alpha: float = ALPHA,
    rng: np.random.Generator | None = None,
) -> list[Campaign]:
    """The campaigns among these principals, the most improbable first; no principal is in two.

    views: one row a principal, over the whole window, so that accounts that were never alive together are compared.
    population: from `fit_population` of the same profile; one that does not know how the honest crowd names nobody.
    alpha: accepted rate of false campaigns a look: a campaign must be less probable than the least probable group of
    the honest by this factor.  segments: of each name: random groups are then drawn from the members' segments.
    rng: for the random groups; by default the same ones each time.
    """
    rng = rng or np.random.default_rng(0)
    usual = population.usual_crowd(visible(views).size)
    found = campaigns(views, population, segments, math.log(alpha) + usual, rng, EXCHANGED) if usual > -np.inf else []
    return [msgspec.structs.replace(c, p_value=_beyond(c.p_value, usual)) for c in found]


def campaigns(
    views: Views,
    population: Population,
    segments: Segments | None,
    log_alpha: float,
    rng: np.random.Generator,
    exchanged: float = 1.0,
) -> list[Campaign]:
    """The same of groups that the model finds less probable than log_alpha, however honest principals crowd.

    exchanged: at most so probable are they if principals change places with those of the calibration.
    """
    seen = visible(views)
    if seen.size < LEAST_MEMBERS:
        return []
    views = rows_of(views, seen)
    crowd, ties = Crowd(population.points(views), population), ties_of(views, rng)
    of = named(views.names, segments, population.segments)
    sure = (g for g in groups(crowd, log_alpha, ties) if exchanged >= 1.0 or crowd.exchanged(g.members) <= exchanged)
    found = (case(crowd, views, ties, group, of, rng) for group in sure)
    return [campaign for campaign in found if campaign is not None]


def _beyond(p: float, usual: float) -> float:
    return min(math.exp(max(math.log(p) - usual, LEAST_LOG_P)), 1.0)


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
    wide = (_likelier(crowd.expand(g, everyone)) for g in _apart(sure))
    return _apart([g for g in wide if g.members.size >= LEAST_MEMBERS])


def _likelier(group: Group) -> Group:
    """The group without whom its source explains worse than honesty does."""
    return Group(group.members[group.scores[group.members] > 0], group.scores, group.log_p)


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
