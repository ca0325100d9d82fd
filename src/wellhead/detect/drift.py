"""Has the whole traffic moved away from what the promise was calibrated on?

The first looks of principals, one number each, are exchangeable with those of calibration as long as nothing changed; a
conformal test martingale bets against that. No guarantee is claimed for events, of which one principal has many.
"""

from __future__ import annotations

import math

import numpy as np

from wellhead.core.arrays import Array

SLACK = 0.005
"""Probability that the repair of the fixed calibration set is too small."""
_BETS = np.linspace(0.05, 0.95, 19)


class Drift:
    """The simple mixture martingale, mean over e of prod e p^(e - 1), on repaired p-values of first looks.

    A fixed calibration set makes p-values that are uniform only on average over sets, and a martingale finds that out:
    so each is raised by the largest error of an empirical distribution (DKW): p + sqrt(ln(2 / SLACK) / 2c).
    reference: sorted calibration scores (c,).  risk: of ever saying drift where there is none, SLACK included.
    """

    def __init__(self, reference: Array, risk: float = 0.01) -> None:
        self._reference = reference
        self._repair = math.sqrt(math.log(2.0 / SLACK) / (2.0 * max(reference.size, 1)))
        self._logs = np.zeros(_BETS.size)
        self._bar = math.log(1.0 / max(risk - SLACK, 1e-9))
        self.seen = 0
        self.largest = 0.0

    def fold(self, scores: Array) -> bool:
        """Take up first-look scores in order; True where the traffic had drifted at any time so far."""
        if not scores.size:
            return self.drifted
        paths = self._logs + np.cumsum(self._steps(scores), axis=0)
        top = paths.max(axis=1)
        money = top + np.log(np.exp(paths - top[:, None]).mean(axis=1))
        self._logs = paths[-1]
        self.seen += scores.size
        self.largest = max(self.largest, float(money.max()))
        return self.drifted

    @property
    def drifted(self) -> bool:
        """True where the money ever reached the bar."""
        return self.largest >= self._bar

    def _steps(self, scores: Array) -> Array:
        """(n, 19) logarithms of the bets' gains."""
        above = self._reference.size - np.searchsorted(self._reference, scores, side="left")
        p = np.minimum((1.0 + above) / (1.0 + self._reference.size) + self._repair, 1.0)
        return np.asarray(np.log(_BETS) + (_BETS - 1.0) * np.log(p)[:, None])
