"""How far a reshaped answer may go from the model's own: no further than a distance, nor past its best class."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array, Scores

_LEAD = 1e-4


def cap_l1(before: Scores, after: Scores, epsilon: float) -> Scores:
    """(n, k): each row of `before` moved towards `after`, by at most an L1 distance of epsilon >= 0."""
    far: Array = np.abs(after - before).sum(axis=1)
    share = np.ones_like(far)
    np.divide(epsilon, far, out=share, where=far > epsilon)
    return between(before, after, share)


def keep_argmax(before: Scores, after: Scores) -> Scores:
    """(n, k): each row of `before` moved as far towards `after` as leaves its best class, the first of equals, ahead.

    By 0.0001 where it led by twice that or more, by half its lead elsewhere; where it led by nothing, nothing moves.
    """
    rows, top = np.arange(len(before)), before.argmax(axis=1)
    led = before[rows, top][:, None] - before
    leads = after[rows, top][:, None] - after
    wanted = np.minimum(_LEAD, led / 2)
    share = np.ones_like(led)
    np.divide(led - wanted, led - leads, out=share, where=~(leads >= wanted))
    return crown(before, between(before, after, share.min(axis=1)))


def between(before: Scores, after: Scores, share: Array) -> Scores:
    """(n, k): the point at `share` (n,) of the way, 0..1; exact at both ends."""
    share = share[:, None]
    return np.asarray((1.0 - share) * before + share * after)


def crown(before: Scores, after: Scores) -> Scores:
    """`after`, with the best class of `before` above those that were below it where arithmetic made them its equals."""
    rows, top = np.arange(len(before)), before.argmax(axis=1)
    below = before < before[rows, top][:, None]
    best = np.where(below, after, -np.inf).max(axis=1)
    level = np.flatnonzero(after[rows, top] <= best)
    if level.size:
        after = after.copy()
        after[level, top[level]] = np.nextafter(best[level], 2.0)
    return after
