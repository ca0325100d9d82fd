"""What ties two accounts beside what they ask: hours, addresses, beginnings and ends."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array
from wellhead.meter.view import Views

RARE = 0.01
"""A tie says something where at most this share of all pairs has it, or of all principals the value."""
ACCESS = ("organisation", "network", "agent")
ACCOUNT = ("created_day",)
_COMPARED = 800
_HOUR_S = 3600.0


class Ties(NamedTuple):
    """The principals of one look, as far as they can be tied; cuts are such that RARE of all pairs go beyond."""

    hours: Array
    first_s: Array
    last_s: Array
    values: tuple[tuple[frozenset[str], frozenset[str]], ...]
    lockstep_cut: float
    born_cut: float
    relay_cut: float

    def timing(self, which: Array) -> Array:
        """(k, k) bool: active in the same hours, more than chance and the hours of the day make most pairs."""
        return np.asarray(lockstep(self.hours[which]) > self.lockstep_cut)

    def born(self, which: Array) -> Array:
        """(k, k) bool: first seen almost together."""
        return np.asarray(apart(self.first_s[which], self.first_s[which]) < self.born_cut)

    def relay(self, which: Array) -> Array:
        """(k, k) bool: one began when the other stopped."""
        return np.asarray(_relay(self.first_s[which], self.last_s[which]) < self.relay_cut)

    def shared(self, which: Array, kind: int) -> Array:
        """(k, k) bool: share a rare value; kind 0: of organisation, network or agent, 1: of the day of sign-up."""
        sets = [self.values[i][kind] for i in which.tolist()]
        return np.array([[bool(a & b) for b in sets] for a in sets], bool).reshape(len(sets), len(sets))


def ties_of(views: Views, rng: np.random.Generator) -> Ties:
    """The ties among these principals."""
    hours = np.unpackbits(np.asarray(views.hours, np.uint8), axis=1).astype(np.float32)
    some = rng.permutation(len(views))[:_COMPARED]
    pairs = ~np.eye(some.size, dtype=bool)
    first, last = views.first_s[some], views.last_s[some]
    return Ties(
        hours,
        views.first_s,
        views.last_s,
        _rare_values(views),
        max(float(np.quantile(lockstep(hours[some])[pairs], 1.0 - RARE)), 1.0),
        float(np.quantile(apart(first, first)[pairs], RARE)),
        float(np.quantile(_relay(first, last)[pairs], RARE)),
    )


def lockstep(hours: Array) -> Array:
    """(k, k) standard deviations by which pairs were active in the same hours beyond independent ones; hours (k, h)."""
    active = hours.sum(axis=1)
    alive = max(float(np.count_nonzero(hours.any(axis=0))), 1.0)
    expected = active[:, None] * active / alive
    return np.asarray((hours @ hours.T - expected) / np.sqrt(expected + 1.0))


def apart(a: Array, b: Array) -> Array:
    """(k, k) seconds between times."""
    return np.asarray(np.abs(a[:, None] - b))


def _relay(first: Array, last: Array) -> Array:
    gap = apart(last, first)
    return np.minimum(gap, gap.T)


def _rare_values(views: Views) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    counts = Counter(pair for pairs in views.attributes for pair in pairs)
    most = max(RARE * len(views), 2.0)
    rare = {pair for pair, n in counts.items() if 2 <= n <= most}
    found = []
    for pairs in views.attributes:
        held = pairs & rare
        kinds = [frozenset(f"{a} {v[:12]}" for a, v in held if a in names) for names in (ACCESS, ACCOUNT)]
        found.append((kinds[0], kinds[1]))
    return tuple(found)
