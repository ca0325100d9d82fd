"""From what the sketches show to campaigns."""

from __future__ import annotations

import math

import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link.campaign import Campaign
from wellhead.detect.link.crowd import LEAST_MEMBERS, Crowd, Group
from wellhead.detect.link.population import Population, rows_of, visible
from wellhead.detect.link.seeds import crowding
from wellhead.meter.view import Views

SEEDS = 64
ALPHA = 1e-3


def link(views: Views, population: Population, alpha: float = ALPHA) -> list[Campaign]:
    """Campaigns."""
    seen = visible(views)
    if seen.size < LEAST_MEMBERS:
        return []
    views = rows_of(views, seen)
    crowd = Crowd(population.points(views), population)
    return [
        Campaign(
            members=tuple(sorted(views.names[i] for i in group.members)),
            scores=tuple(group.scores[group.members].tolist()),
            edges=(),
            kinds=(),
            reasons=(),
            evidence=(),
            rows=int(views.distinct[group.members].sum()),
            p_value=math.exp(max(group.log_p, -600.0)),
            p_random=0.001,
            comparison="",
        )
        for group in groups(crowd, math.log(alpha))
    ]


def groups(crowd: Crowd, log_alpha: float) -> list[Group]:
    """Groups that honest principals would hardly form, the most improbable first; no principal is in two."""
    grown = [crowd.grow(np.zeros(0, np.int64), crowd.everybody(), 1)]
    covered = set(grown[0].members.tolist()) if grown[0].log_p <= log_alpha else set()
    everyone = len(crowd.points)
    tried = 0
    for i in np.argsort(-crowding(crowd), kind="stable").tolist():
        if tried == SEEDS:
            break
        if i not in covered:
            tried += 1
            grown.append(crowd.grow(np.array([i]), None, everyone))
            if grown[-1].members.size >= LEAST_MEMBERS:
                covered.update(grown[-1].members.tolist())
    sure = [g for g in grown if g.members.size >= LEAST_MEMBERS and g.log_p <= log_alpha]
    return apart([crowd.expand(g, everyone) for g in apart(sure)])


def apart(grown: list[Group]) -> list[Group]:
    """Of groups that overlap, only the most improbable."""
    taken: set[int] = set()
    kept = []
    for group in sorted(grown, key=lambda g: g.log_p):
        if not taken & set(group.members.tolist()):
            kept.append(group)
            taken |= set(group.members.tolist())
    return kept
