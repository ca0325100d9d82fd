"""How rare a score is among honest looks, beyond the largest of them too."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link.population import BANDS, ENOUGH

_TAIL = 0.02
_LEAST_P = 1e-12
_SURE = 0.5
"""Standard deviations by which honest counts are taken to be larger than they were seen to be."""


class Tail(msgspec.Struct, frozen=True):
    """Scores of honest looks by band. sorted: for each band its scores in rising order, of another band where too few.

    Below the upper 2 % a score's p-value is its rank (conformal); beyond, it falls exponentially with the mean excess.
    Both are taken half a standard deviation larger than counted: among many principals, an error in the rate of the
    honest would itself look like a crowd.
    """

    sorted: tuple[Array, ...]

    def p_values(self, scores: Array, band: Array, part: Array) -> Array:
        """(u,) in (0, 1]; part: (u,) of the way to the next band, between whose p-values theirs lies."""
        found = np.ones(scores.size)
        for b, honest in enumerate(self.sorted):
            at = np.flatnonzero(band == b)
            if at.size and honest.size:
                after = self.sorted[min(b + 1, len(self.sorted) - 1)]
                found[at] = _p_values(scores[at], honest) ** (1.0 - part[at]) * _p_values(scores[at], after) ** part[at]
        return found


def tail_of(scores: Array, band: Array) -> Tail:
    """The Tail of honest scores; bands with fewer than ENOUGH looks borrow those of the next with fewer rows."""
    found: list[Array] = []
    everyone = np.sort(scores)
    for b in range(BANDS):
        own = np.sort(scores[band == b])
        found.append(own if own.size >= ENOUGH else found[-1] if found else everyone)
    return Tail(tuple(found))


def _p_values(scores: Array, honest: Array) -> Array:
    count = honest.size
    ranked = _upper(1.0 + count - np.searchsorted(honest, scores, side="left")) / (count + 1.0)
    cut = honest[int(np.ceil((1.0 - _TAIL) * count)) - 1]
    excess = honest[honest > cut] - cut
    if not excess.size:
        return np.minimum(ranked, 1.0)
    slope = max(float(excess.mean()), 1.0) * (1.0 + _SURE / np.sqrt(excess.size))
    most = _upper(np.asarray(excess.size + 1.0)) / (count + 1.0)
    beyond = most * np.exp(-np.maximum(scores - cut, 0.0) / slope)
    return np.where(ranked > most / 2, np.minimum(ranked, 1.0), np.maximum(beyond, _LEAST_P))


def _upper(rank: Array) -> Array:
    """How many high scores are expected, where so many were counted."""
    return np.asarray(rank + _SURE * np.sqrt(rank))


def at_least(count: Array, of: int, share: Array) -> Array:
    """Log of a bound on P(`count` or more of `of` have a p-value below `share`).

    The first term of the binomial tail, and a geometric series for the others (Feller 1968, VI.3).
    """
    found = [_log_tail(int(k), of, float(s)) for k, s in zip(count.tolist(), share.tolist(), strict=True)]
    return np.array(found)


def _log_tail(count: int, of: int, share: float) -> float:
    left = (count + 1) * (1.0 - share)
    if count <= (of + 1) * share:
        return 0.0
    ways = math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)
    first = ways + count * math.log(share) + (of - count) * math.log1p(-share)
    return min(first + math.log(left / (count + 1 - (of + 1) * share)), 0.0)


def exchangeable(near: int, known: int, of: int, others: int) -> float:
    """Fisher's exact test: P(`near` or more of the near + known are among the `of`, not among the `others`)."""
    total, drawn = of + others, near + known
    whole = _log_ways(total, drawn)
    terms = [_log_ways(of, k) + _log_ways(others, drawn - k) for k in range(near, min(drawn, of) + 1)]
    return min(sum(math.exp(t - whole) for t in terms), 1.0)


def _log_ways(of: int, chosen: int) -> float:
    """Log of the ways to choose so many; -inf where there are not so many."""
    if chosen > of:
        return -math.inf
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)
