"""Who differs most from the others in a log: what to look at where nothing is promised yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.finding import Evidence
from wellhead.detect.detectors import Detectors

LEAST = 20
"""Among fewer principals nothing is usual."""
_KINDS = 3
"""So many kinds of evidence count, the strongest of each: one detector alone ranks nobody first."""
_MOST = 12.0
_SHOWN = 5
_TO_SD = 1.4826


def far(values: Array, sides: Sequence[tuple[int, ...]]) -> Array:
    """(u, S) robust standard scores towards each detector's suspicious side, 0..12; 0 where nothing is known.

    values: (u, S). The middle is the median, a standard deviation 1.4826 times the median absolute deviation.
    """
    with np.errstate(all="ignore"):
        known = np.isfinite(values)
        enough = known.sum(axis=0) >= LEAST
        filled = np.where(enough, values, 0.0)
        middle = np.nanmedian(np.where(known.any(axis=0), filled, 0.0), axis=0)
        apart = filled - middle
        spread = _TO_SD * np.nanmedian(np.abs(apart), axis=0)
        # a detector that says the same of most has no spread: then the mean deviation is its unit
        spread = np.where(spread > 0, spread, np.nanmean(np.abs(apart), axis=0))
        score = apart / np.where(spread > 0, spread, np.inf)
    up = np.array([1 in s for s in sides])
    down = np.array([-1 in s for s in sides])
    scored = np.maximum(np.where(up, score, 0.0), np.where(down, -score, 0.0))
    return np.asarray(np.clip(np.nan_to_num(scored * enough), 0.0, _MOST))


def ranked(scores: Array, kinds: Sequence[str]) -> Array:
    """(u,) how unlike the others each is: the sum over the three kinds of evidence that differ most."""
    names = sorted(set(kinds))
    best = np.stack([scores[:, [k == name for k in kinds]].max(axis=1, initial=0.0) for name in names], axis=1)
    return np.asarray(np.sort(best, axis=1)[:, -_KINDS:].sum(axis=1))


def strongest(detectors: Detectors, values: Array, scores: Array, ranges: tuple[Array, Array]) -> tuple[Evidence, ...]:
    """What sets one principal apart, the strongest first, beside where 90 % of the log's principals lie.

    values, scores: (S,) of it.  ranges: (S,) 5 % and 95 % quantiles.
    """
    chosen = [int(s) for s in np.argsort(-scores, kind="stable")[:_SHOWN] if scores[s] > 1.0]
    middle = (ranges[0] + ranges[1]) / 2.0
    return tuple(
        Evidence(
            name=detectors.names[s],
            kind=detectors.kinds[s],
            said=detectors.said(s, _side(detectors.sides[s], values[s] >= middle[s]), float(values[s])),
            value=detectors.shown(s, float(values[s])),
            low=detectors.shown(s, float(ranges[0][s])),
            high=detectors.shown(s, float(ranges[1][s])),
        )
        for s in chosen
    )


def _side(sides: tuple[int, ...], high: bool) -> int:
    wanted = 1 if high else -1
    return wanted if wanted in sides else sides[0]


def usual(values: Array) -> tuple[Array, Array]:
    """(S,) and (S,): 5 % and 95 % quantiles of each column, NaN where nothing is known."""
    known = np.isfinite(values).any(axis=0)
    filled = np.where(known, values, 0.0)
    low, high = np.nanquantile(filled, (0.05, 0.95), axis=0)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)
