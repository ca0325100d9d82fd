"""Which order statistic of honest scores keeps a promised rate, and with what confidence.

A new honest score exceeds the m-th largest of C others at a rate that, given those C, follows Beta(m, C + 1 - m),
whatever the scores' distribution (continuous; with ties the rate is lower). Its distribution function at alpha is
P(Binomial(C, alpha) >= m), so whole numbers are all that is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

CONFIDENCE = 0.95


def tail(count: int, rate: float, hits: int) -> float:
    """P(Binomial(count, rate) >= hits); `rate` in 0..1."""
    if hits <= 0:
        return 1.0
    return 1.0 - below(count, rate, hits)


def below(count: int, rate: float, hits: int) -> float:
    """P(Binomial(count, rate) < hits), summed from the largest term down, so that 10^6 trials are no matter."""
    if hits > count or rate <= 0.0:
        return 1.0
    if rate >= 1.0 or hits <= 0:
        return 0.0
    odds = (1.0 - rate) / rate
    top = hits - 1
    term = math.lgamma(count + 1) - math.lgamma(top + 1) - math.lgamma(count - top + 1)
    first = math.exp(term + top * math.log(rate) + (count - top) * math.log1p(-rate))
    if top > (count + 1) * rate:
        return 1.0 - _upwards(count, first / odds * (count - top) / hits, hits, 1.0 / odds)
    total, at = first, top
    while at > 0 and first > total * 1e-17:
        first *= odds * at / (count - at + 1)
        total += first
        at -= 1
    return min(total, 1.0)


def _upwards(count: int, term: float, at: int, odds: float) -> float:
    """The sum of binomial terms from `at` on, of which the first is `term`."""
    total = 0.0
    while at <= count and term > total * 1e-17:
        total += term
        term *= odds * (count - at) / (at + 1)
        at += 1
    return total


def needed(alpha: float, share: int = 1) -> int:
    """Honest principal-periods that a segment needs before a rate of alpha can be promised for `share` segments.

    299 for 1 in 100 and 2,995 for 1 in 1,000, one segment: the least C with 1 - (1 - alpha)^C >= 1 - 0.05 / share.
    """
    least = math.ceil(math.log((1.0 - CONFIDENCE) / share) / math.log1p(-alpha))
    return max(least, 1)


def rank(count: int, alpha: float, share: int = 1) -> int:
    """The m for which the m-th largest of `count` scores keeps the rate at or below alpha, or 0 where none does.

    With confidence 0.95 for all of `share` segments together (Bonferroni).
    """
    risk = (1.0 - CONFIDENCE) / share
    if count < needed(alpha, share):
        return 0
    low, high = 1, max(1, math.ceil(count * alpha)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if below(count, alpha, middle) <= risk else (low, middle)
    return low


def conformal_rank(count: int, alpha: float) -> int:
    """The m whose rate is at most alpha on average over calibrations (no confidence); 0 where count < 1/alpha - 1.

    Split conformal: the k-th smallest with k = ceil((C + 1)(1 - alpha)) is the (C + 1 - k)-th largest.
    """
    return max(count + 1 - math.ceil((count + 1) * (1.0 - alpha) - 1e-9), 0)


def interval(count: int, m: int, low: float = 0.05, high: float = 0.95) -> tuple[float, float]:
    """Quantiles of the realised rate above the m-th largest of `count`: of Beta(m, count + 1 - m)."""
    return _quantile(count, m, low), _quantile(count, m, high)


def _quantile(count: int, m: int, q: float) -> float:
    left, right = 0.0, 1.0
    for _ in range(60):
        middle = (left + right) / 2
        left, right = (middle, right) if tail(count, middle, m) < q else (left, middle)
    return (left + right) / 2


def promised(counts: Iterable[int], alpha: float) -> int:
    """How many segments of these sizes can be promised alpha together: each must afford its share of the risk."""
    sizes = sorted(counts, reverse=True)
    fit = [g for g, size in enumerate(sizes, 1) if size >= needed(alpha, g)]
    return max(fit, default=0)
