"""The case against a group: what it shows beside random groups, in words, and whether that is enough."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.finding import Evidence
from wellhead.detect.link.alike import COMPARED, DRAWS, alike, p_random, random_groups
from wellhead.detect.link.campaign import Campaign
from wellhead.detect.link.crowd import Crowd, Group
from wellhead.detect.link.edges import TIED, edges_of
from wellhead.detect.link.ties import Ties
from wellhead.meter.view import Views

SURE = 0.02
"""A kind of evidence counts where at most this share of random groups shows as much of it, and where it makes members
likelier to share one source than not."""
LEAST_KINDS = 2
LEAST_LOG_P = -600.0
_LIVE_DRAWS = 99
_TIED = (
    ("link_timing", "timing", "{value} of their pairs were active in the same hours"),
    ("link_access", "access", "{value} of their pairs share a rare organisation, network or agent"),
    ("link_account", "account", "{value} of their pairs were made or first seen together"),
    ("link_relay", "account", "{value} of their pairs relieved each other, one beginning when the other stopped"),
)
_SHOWN = (
    ("link_inputs", "inputs", "inputs", "what they ask comes from one source, {value} nats likelier a member than not"),
    (
        "link_answers",
        "answers",
        "answers",
        "what they are answered fits one source, {value} nats likelier a member",
    ),
    ("link_novelty", "novelty", "distinct", "{value} of all their inputs were new, within and across the accounts"),
)


def case(
    crowd: Crowd, views: Views, ties: Ties, group: Group, segment: Array, rng: np.random.Generator
) -> Campaign | None:
    """The campaign that a group is; None where it shows fewer than LEAST_KINDS kinds of evidence, or where one source
    explains its members worse than honesty does.

    segment: (u,) index of each principal's segment in the population, -1 unknown.
    """
    members = group.members
    some = rng.permutation(members)[:COMPARED]
    own = alike(crowd.population, crowd.points.take(some), crowd.usual[some])
    among = np.unique(segment[members])
    others = random_groups(crowd.population, crowd.points.band[some], among[among >= 0], rng)
    found = [
        _evidence((name, kind, text), getattr(own, field), np.array([getattr(o, field) for o in others]))
        for name, kind, field, text in _SHOWN
        if getattr(own, kind) > 0
    ]
    found += _tied(ties, group, some, rng)
    shown = sorted((p, i) for i, (p, _) in enumerate(found) if p <= SURE)
    evidence = tuple(found[i][1] for _, i in shown)
    kinds = tuple(dict.fromkeys(e.kind for e in evidence))
    alone = p_random(own.all, np.array([o.all for o in others]))
    if len(kinds) < LEAST_KINDS or alone > SURE or own.all <= 0:
        return None
    best = members[np.argsort(-group.scores[members], kind="stable")][:TIED]
    order = sorted(members.tolist(), key=lambda i: views.names[i])
    return Campaign(
        members=tuple(views.names[i] for i in order),
        scores=tuple(round(float(group.scores[i]), 2) for i in order),
        edges=edges_of(crowd, ties, best, views.names),
        kinds=kinds,
        reasons=tuple(f"{e.said}; random groups show {e.low} to {e.high}" for e in evidence),
        evidence=evidence[:5],
        rows=int(np.nan_to_num(views.distinct[members]).sum()),
        p_value=math.exp(max(group.log_p, LEAST_LOG_P)),
        p_random=alone,
        comparison=_compared(some.size, round(alone * (DRAWS + 1)) - 1, own.all, [o.all for o in others]),
    )


def _compared(size: int, above: int, own: float, others: Sequence[float]) -> str:
    low, high = np.quantile(others, [0.05, 0.95])
    many = "none" if above == 0 else str(above)
    return (
        f"of {len(others)} random groups of {size} honest principals at as many rows {many} was as alike: "
        f"{own:.1f} nats a member here, {low:.1f} to {high:.1f} in nine of ten of those"
    )


def _evidence(known: tuple[str, str, str], value: float, others: Array) -> tuple[float, Evidence]:
    """(conformal p-value, evidence) of a group's value beside those of random groups."""
    name, kind, text = known
    low, high = np.quantile(others, [0.05, 0.95])
    shown = [f"{v:.3g}" if "nats" in text else f"{100 * v:.3g} %" for v in (value, low, high)]
    said = text.format(value=shown[0])
    return p_random(value, others), Evidence(
        name=name, kind=kind, said=said, value=shown[0], low=shown[1], high=shown[2]
    )


def _tied(ties: Ties, group: Group, some: Array, rng: np.random.Generator) -> list[tuple[float, Evidence]]:
    """Evidence by what is not content, beside random groups of the principals that are not in this one."""
    rest = np.setdiff1d(np.arange(len(ties.first_s)), group.members)
    if rest.size < 2 * some.size:
        return []
    drawn = [rng.choice(rest, some.size, replace=False) for _ in range(_LIVE_DRAWS)]
    own, others = _shares(ties, some), np.array([_shares(ties, d) for d in drawn])
    return [_evidence(said, own[i], others[:, i]) for i, said in enumerate(_TIED) if own[i] > 0]


def _shares(ties: Ties, which: Array) -> list[float]:
    """Share of these principals' pairs that each of _TIED ties."""
    pairs = max(which.size * (which.size - 1), 1)
    account = ties.born(which) | ties.shared(which, 1)
    held = (ties.timing(which), ties.shared(which, 0), account, ties.relay(which))
    return [float((np.count_nonzero(h) - np.count_nonzero(h.diagonal())) / pairs) for h in held]
