"""Two means of queries: were they drawn by one source, or by two honest principals?"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array

MOST_ROWS = 1024
"""Rows beyond these add no precision: whoever asks for weeks drifts."""
_LEAST_VALUE = 1e-3
_RIDGE = 0.02
_LEAST_SPREAD, _MOST_SPREAD = 1e-4, 0.999
SCALES = 10.0 ** np.arange(-2.0, 1.5, 0.5)
"""Of the spread, that honest principals may have: from nearly as broad as all together to narrow."""
_ROUNDS = 30


class Source(msgspec.Struct, frozen=True):
    """Probabilistic linear discriminant analysis (Ioffe 2006; Prince & Elder 2007) with principals as its classes.

    A principal's mean of n queries is the mean (F,) of all, its own place, and noise that falls with n.
    basis: (F, K) turns it into coordinates in which one query of the population has variance 1 in each.
    spread: (K,) share of that variance which lies between honest principals, 0..1.
    weights: (SCALES,) share of the honest whose place is so far from the mean: some are nearly as broad as all are
    together, and many far from it (a scale mixture, Andrews & Mallows 1974).
    """

    mean: Array
    basis: Array
    spread: Array
    weights: Array

    def place(self, values: Array) -> Array:
        """(u, K) coordinates of (u, F) means; what is not known lies at the mean."""
        return np.asarray(np.nan_to_num(values - self.mean, nan=0.0) @ self.basis)

    def alone(self, points: Array, rows: Array) -> Array:
        """(u,) log-density of these points among honest principals, without the constant."""
        each = self._scaled(points, rows) + np.log(self.weights)
        most = each.max(axis=1, keepdims=True)
        return np.asarray(most[:, 0] + np.log(np.exp(each - most).sum(axis=1)))

    def _scaled(self, points: Array, rows: Array) -> Array:
        """(u, SCALES) log-density at each scale."""
        noise = 1.0 / rows[:, None]
        return np.stack([_gauss(points, scale * self.spread + noise) for scale in SCALES], axis=1)

    def centre(self, total: Array, rows: Array) -> tuple[Array, Array]:
        """Mean and variance (.., K) of where a source lies, given the sum of its queries' coordinates over its rows."""
        variance = 1.0 / (1.0 / self.spread + rows)
        return variance * total, variance

    def given(self, points: Array, rows: Array, centre: Array, variance: Array) -> Array:
        """(u,) the same of points that come from the source at `centre`."""
        return _gauss(points - centre, variance + 1.0 / rows[:, None])

    def pairs(self, a: Array, rows_a: float, b: Array, rows_b: float, alone: Array) -> Array:
        """(i, j) log of how much likelier each of `b` (over rows_b queries) is from the source of each of `a`.

        alone: (j,) of b, at its own rows.
        """
        mean, variance = self.centre(a * rows_a, np.asarray(rows_a))
        joint = variance + 1.0 / rows_b
        cross = (mean / joint) @ b.T
        left = -0.5 * ((mean**2 / joint).sum(axis=1) + np.log(joint).sum())
        right = -0.5 * (b**2 / joint).sum(axis=1) - alone
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
    found = Source(
        mean, white @ turn, np.clip(spread, _LEAST_SPREAD, _MOST_SPREAD), np.full(SCALES.size, 1 / SCALES.size)
    )
    return _weighted(found, found.place(values), rows)


def _weighted(source: Source, points: Array, rows: Array) -> Source:
    """The source with the weights of its scales, by expectation maximisation."""
    each, weights = source._scaled(points, np.minimum(rows, MOST_ROWS)), source.weights
    each = np.exp(each - each.max(axis=1, keepdims=True))
    for _ in range(_ROUNDS):
        share = each * weights
        weights = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
    return msgspec.structs.replace(source, weights=np.maximum(weights, 1e-6))


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
