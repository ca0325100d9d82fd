"""How often principals repeat themselves: a habit that the accounts of one work list share."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array

_WIDTH = 0.02
_MOST, _LEAST = float(np.log(200.0)), -60.0


def variance(unique: Array, rows: Array) -> Array:
    """(u,) of a share of distinct inputs as an estimate of the habit behind it: binomial, and the habit wavers."""
    kept = (unique * rows + 1.0) / (rows + 2.0)
    return np.asarray(kept * (1.0 - kept) / rows + _WIDTH**2)


def usual(unique: Array, rows: Array, honest: Array) -> Array:
    """(u,) log-density of each share among honest ones at as many rows: a kernel estimate as wide as its own error.

    honest: (m,) shares of honest looks.
    """
    ordered, width = np.sort(honest), np.sqrt(variance(unique, rows))
    found = np.empty(unique.size)
    for start in range(0, unique.size, 1024):
        some = slice(start, start + 1024)
        z = (ordered - unique[some, None]) / width[some, None]
        found[some] = np.log((np.exp(-0.5 * z**2).sum(axis=1) + 1.0) / (honest.size + 1.0))
    return np.asarray(found - np.log(width))


def gain(unique: Array, rows: Array, honest: Array, habit: float | Array) -> Array:
    """(u,) log of how much likelier each share is under one habit than among honest ones; honest: see `usual`."""
    spread = variance(unique, rows)
    own = -0.5 * ((unique - habit) ** 2 / spread + np.log(spread))
    return np.clip(own - honest, _LEAST, _MOST)
