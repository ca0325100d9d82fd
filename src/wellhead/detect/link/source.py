"""Two means of queries: were they drawn by one source, or by two honest principals?"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array

MOST_ROWS = 256
"""Rows beyond these add no precision: whoever asks for weeks drifts."""
_LEAST_VALUE = 1e-3
_RIDGE = 0.02
_LEAST_SPREAD, _MOST_SPREAD = 1e-4, 0.999


class Source(msgspec.Struct, frozen=True):
    """Probabilistic linear discriminant analysis (Ioffe 2006; Prince & Elder 2007) with principals as its classes.

    A principal's mean of n queries is the mean (F,) of all, its own place, and noise that falls with n.
    basis: (F, K) turns it into coordinates in which one query of the population has variance 1 in each.
    spread: (K,) share of that variance which lies between honest principals, 0..1.
    """

    mean: Array
    basis: Array
    spread: Array

    def place(self, values: Array) -> Array:
        """(u, K) coordinates of (u, F) means; what is not known lies at the mean."""
        return np.asarray(np.nan_to_num(values - self.mean, nan=0.0) @ self.basis)

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


def fit_source(values: Array, rows: Array, owner: Array | None = None, asked: Array | None = None) -> Source:
    """The Source of honest principals from (m, F) means over (m,) rows, of many sizes; NaN lies at the column's mean.

    owner: (m,) whose mean each is; asked: (m,) queries in it, of which `rows` were different. From two looks at one
    principal follows what chance does to it, at best; without such the covariance, between + within / n, is parted by
    least squares over the outer products.
    """
    there = np.isfinite(values)
    known = np.where(there, values, np.where(there, values, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1))
    weight = 1.0 / (0.05 + 1.0 / rows) ** 2
    mean = np.average(known, axis=0, weights=weight)
    x = known - mean
    total, at = np.cov(x.T, aweights=weight, ddof=0).reshape(x.shape[1], -1), np.average(1.0 / rows, weights=weight)
    within = None if owner is None or asked is None else _halves(x, rows, owner, asked)
    if within is None:
        within = _regressed(x, rows, weight)
    within = within + np.eye(len(within)) * np.trace(within) * _RIDGE / len(within)
    between = _positive(total - at * within)
    size, vectors = np.linalg.eigh(between + within)
    kept = size > max(size[-1], 1e-12) * _LEAST_VALUE
    white = vectors[:, kept] / np.sqrt(size[kept])
    spread, turn = np.linalg.eigh(white.T @ between @ white)
    return Source(mean, white @ turn, np.clip(spread, _LEAST_SPREAD, _MOST_SPREAD))


def _halves(x: Array, rows: Array, owner: Array, asked: Array) -> Array | None:
    """(F, F) covariance of one query within a principal, by what it asked before a look and after; None of few."""
    order = np.lexsort((asked, owner))
    early, late = order[:-1], order[1:]
    whole = (owner[early] == owner[late]) & (asked[late] >= 1.5 * asked[early]) & (rows[late] >= rows[early] + 1.0)
    early, late = early[whole], late[whole]
    if early.size < 2 * x.shape[1]:
        return None
    more = (asked[late] - asked[early])[:, None]
    after = (x[late] * asked[late][:, None] - x[early] * asked[early][:, None]) / more
    noise = 1.0 / rows[early] + 1.0 / (rows[late] - rows[early])
    apart = (after - x[early]) / np.sqrt(noise)[:, None]
    return np.asarray(apart.T @ apart / early.size)


def _regressed(x: Array, rows: Array, weight: Array) -> Array:
    design = np.stack((np.ones(rows.size), 1.0 / rows), axis=1)
    inverse = np.linalg.pinv((design * weight[:, None]).T @ design)
    parts = [(x * (weight * column)[:, None]).T @ x for column in design.T]
    return _positive(inverse[1, 0] * parts[0] + inverse[1, 1] * parts[1])


def _positive(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
