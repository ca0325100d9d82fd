"""False discoveries among many principals: how many of those that are named may be honest.

For lists that people work through. The promise (wellhead.detect.promise) bounds alarms per honest principal; these
bound the honest share of a list. Use one p-value a principal-period, of its final score: p-values of running maxima,
taken again and again, do not keep the bound (arXiv 2501.19360). Conformal p-values that share their calibration scores
are positively dependent (PRDS; Bates et al. 2023), which both procedures allow.
"""

from __future__ import annotations

import math

import numpy as np

from wellhead.core.arrays import Array

_SCALE = 0.07720838


def benjamini_hochberg(p: Array, rate: float) -> Array:
    """(n,) bool: the discoveries among p-values known all at once; at most `rate` of them false, on average.

    With C calibration scores no p-value is below 1 / (C + 1), so one discovery among n needs C + 1 >= n / rate.
    """
    n = p.size
    order = np.argsort(p, kind="stable")
    good = np.flatnonzero(p[order] <= rate * np.arange(1, n + 1) / max(n, 1))
    found = np.zeros(n, dtype=bool)
    found[order[: good[-1] + 1 if good.size else 0]] = True
    return found


class Lond:
    """Discoveries as p-values come one after the other (LOND; Javanmard and Montanari 2015): none is taken back.

    rate: the share of false ones among the discoveries so far stays at or below it, on average.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.tested = 0
        self.found = 0

    @property
    def level(self) -> float:
        """What the next p-value must not exceed."""
        j = self.tested + 1
        return self.rate * _SCALE * math.log(max(j, 2)) / (j * math.exp(math.sqrt(math.log(j)))) * (self.found + 1)

    def test(self, p: float) -> bool:
        """True where this p-value is a discovery."""
        good = p <= self.level
        self.tested += 1
        self.found += good
        return good
