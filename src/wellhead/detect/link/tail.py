"""How rare a score is among honest looks, beyond the largest of them too."""

from __future__ import annotations

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.detect.link.population import BANDS, ENOUGH

_TAIL = 0.03
_LEAST_P = 1e-12


class Tail(msgspec.Struct, frozen=True):
    """Scores of honest looks by band. sorted: for each band its scores in rising order, of another band where too few.

    Up to the upper 3 % a score's p-value is its rank (conformal); beyond, it falls exponentially with the mean excess,
    the least rapid fall that a log-likelihood ratio shows.
    """

    sorted: tuple[Array, ...]

    def p_values(self, scores: Array, band: Array) -> Array:
        """(u,) in (0, 1]."""
        found = np.ones(scores.size)
        for b, honest in enumerate(self.sorted):
            at = np.flatnonzero(band == b)
            if at.size and honest.size:
                found[at] = _p_values(scores[at], honest)
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
    ranked = (1.0 + count - np.searchsorted(honest, scores, side="left")) / (count + 1.0)
    cut = honest[int(np.ceil((1.0 - _TAIL) * count)) - 1]
    excess = honest[honest > cut] - cut
    if not excess.size:
        return ranked
    slope = max(float(excess.mean()), 1.0)
    beyond = _TAIL * np.exp(-np.maximum(scores - cut, 0.0) / slope)
    return np.where(ranked > _TAIL / 2, ranked, np.maximum(beyond, _LEAST_P))


def at_least(count: Array, of: int, share: Array) -> Array:
    """Log of a bound on P(`count` or more of `of` have a p-value below `share`) (Chernoff 1952)."""
    rate = np.clip(count / of, 1e-12, 1.0)
    rest = np.where(rate < 1.0, (1.0 - rate) * (np.log1p(-np.minimum(rate, 1 - 1e-12)) - np.log1p(-share)), 0.0)
    divergence = rate * np.log(rate / share) + rest
    return np.where(rate > share, -of * divergence, 0.0)
