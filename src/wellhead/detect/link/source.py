"""Two means of queries: were they drawn by one source, or by two honest principals?"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array

MOST_ROWS = 256
"""Rows beyond these add no precision: whoever asks for weeks drifts."""
_LEAST_VALUE = 1e-3
_LEAST_SPREAD, _MOST_SPREAD = 1e-4, 0.999


class Source(msgspec.Struct, frozen=True):
    """Probabilistic linear discriminant analysis (Ioffe 2006; Prince & Elder 2007) with principals as its classes.

    A principal's mean of n queries is mu + slope / n + its own place + noise / n. mean, slope: (F,).
    basis: (F, K) turns it into coordinates in which one query of the population has variance 1 in each.
    spread: (K,) share of that variance which lies between honest principals, 0..1.
    """

    mean: Array
    slope: Array
    basis: Array
    spread: Array

    def place(self, values: Array, rows: Array) -> Array:
        """(u, K) coordinates of (u, F) means over (u,) rows; what is not known lies at the mean."""
        centred = values - self.mean - self.slope / rows[:, None]
        return np.asarray(np.nan_to_num(centred, nan=0.0) @ self.basis)

    def alone(self, points: Array, rows: Array) -> Array:
        """(u,) log-density of these points among honest principals, without the constant."""
        return _gauss(points, self.spread + 1.0 / rows[:, None])

    def centre(self, total: Array, rows: Array) -> tuple[Array, Array]:
        """Mean and variance (.., K) of where a source lies, given the sum of its queries' coordinates over its rows."""
        variance = 1.0 / (1.0 / self.spread + rows)
        return variance * total, variance

    def gain(self, points: Array, rows: Array, centre: Array, variance: Array) -> Array:
        """(u,) log of how much likelier these points are from the source at `centre` than from honest principals."""
        return _gauss(points - centre, variance + 1.0 / rows[:, None]) - self.alone(points, rows)

    def pairs(self, a: Array, rows_a: float, b: Array, rows_b: float) -> Array:
        """(i, j) the same for each of `a` (over rows_a queries) with each of `b`: one product of matrices."""
        mean, variance = self.centre(a * rows_a, np.asarray(rows_a))
        joint, own = variance + 1.0 / rows_b, self.spread + 1.0 / rows_b
        cross = (mean / joint) @ b.T
        left = -0.5 * (mean**2 / joint).sum(axis=1)
        right = 0.5 * (b**2 * (1.0 / own - 1.0 / joint)).sum(axis=1) + 0.5 * np.log(own / joint).sum()
        return np.asarray(cross + left[:, None] + right)

    def record(self) -> dict[str, Any]:
        """For wellhead.meter.pack."""
        return {field: getattr(self, field) for field in self.__struct_fields__}


def _gauss(x: Array, variance: Array) -> Array:
    return np.asarray(-0.5 * (x**2 / variance + np.log(variance)).sum(axis=-1))


def fit_source(values: Array, rows: Array) -> Source:
    """The Source of honest principals from (m, F) means over (m,) rows, of many sizes.

    The covariance of such a mean is between + within / n: both by least squares over the outer products. Needs looks
    at few and at many rows; without, all is taken for noise or all for identity. NaN lies at the column's mean.
    """
    known = np.where(np.isfinite(values), values, np.nanmean(np.where(np.isfinite(values), values, np.nan), axis=0))
    weight = 1.0 / (0.05 + 1.0 / rows) ** 2
    design = np.stack((np.ones(rows.size), 1.0 / rows), axis=1)
    inverse = np.linalg.pinv((design * weight[:, None]).T @ design)
    mean, slope = inverse @ (design * weight[:, None]).T @ known
    x = known - mean - slope / rows[:, None]
    parts = [(x * (weight * column)[:, None]).T @ x for column in design.T]
    between, within = (_positive(inverse[i, 0] * parts[0] + inverse[i, 1] * parts[1]) for i in (0, 1))
    values_, vectors = np.linalg.eigh(between + within)
    kept = values_ > max(values_[-1], 1e-12) * _LEAST_VALUE
    white = vectors[:, kept] / np.sqrt(values_[kept])
    spread, turn = np.linalg.eigh(white.T @ between @ white)
    return Source(mean, slope, white @ turn, np.clip(spread, _LEAST_SPREAD, _MOST_SPREAD))


def _positive(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
