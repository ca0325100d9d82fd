"""Looks of made-up principals, for tests of the promise."""

import numpy as np

from wellhead.detect.budget import AlarmBudget
from wellhead.detect.looks import Looks

BUDGET = AlarmBudget(1, 100, 30)


class Named:
    """Four detectors of three kinds, as far as calibration needs them."""

    names = ("a", "b", "c", "d")
    sides = ((1,), (-1,), (1, -1), (1,))
    kinds = ("x", "x", "y", "z")


def looks(values, checkpoints=1, segments="everybody", prefix="p", period=0):
    """Looks of n principals at 16, 32 ... rows; values: (n * checkpoints, S), a principal's looks side by side."""
    m = len(values)
    n = m // checkpoints
    named = [segments] * m if isinstance(segments, str) else list(np.repeat(segments, checkpoints))
    return Looks(
        names=tuple(f"{prefix}{i}" for i in range(n)),
        principal=np.repeat(np.arange(n), checkpoints),
        rows=2 ** np.tile(np.arange(4, 4 + checkpoints), n),
        period=np.full(m, period),
        values=np.asarray(values, dtype=np.float64),
        segments=tuple(str(s) for s in named),
        time_s=np.arange(m, dtype=np.float64),
    )


def honest(n, rng, checkpoints=1, **kw):
    """Heavy-tailed and dependent within a principal."""
    own = rng.standard_t(5, (n, 1, 4))
    return looks((0.7 * own + rng.normal(size=(n, checkpoints, 4))).reshape(-1, 4), checkpoints, **kw)
