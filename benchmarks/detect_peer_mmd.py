"""The window test of arXiv 2606.05725 (Liu, Guo and Dong, 2026), the best of its own comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.detect_peer_distances import distances
from benchmarks.detect_peers import NOTHING, ROWS, Looks, pooled
from benchmarks.detect_world import Stream, Table
from wellhead.core.arrays import Array

REPEATS, NULLS, POOL = 20, 1_000, 20_000


def kernel(apart: Array, sigma: float) -> Array:
    """Mean of the four Gaussian kernels of widths 1/2, 1, 2 and 4 sigma, from distances."""
    widest = np.exp(-np.square(apart / (4 * sigma)) / 2)
    two = np.square(np.square(widest))
    one = np.square(np.square(two))
    return (widest + two + one + np.square(np.square(one))) / 4


def mmd2(within_x: float, within_y: float, across: float) -> float:
    """The unbiased squared mean discrepancy from mean kernel values without the diagonals (Gretton 2012, eq. 3)."""
    return within_x + within_y - 2 * across


def within(codes: Array, sigma: float) -> float:
    """Mean kernel of all pairs of different rows."""
    n = len(codes)
    return float((kernel(distances(codes, codes), sigma).sum(dtype=float) - n) / (n * (n - 1)))


@dataclass(frozen=True)
class Window:
    """Does a window of queries come from the pool of honest traffic?

    Published settings: embeddings of length 1; windows of 1,500 queries, one after the other (its smallest: 100);
    Gaussian kernels of 1/2, 1, 2 and 4 times the median distance of 2,000 honest queries; the score is the mean
    unbiased MMD^2 to 20 honest samples as large as the window; alarm above the 95th percentile of 1,000 values among
    disjoint honest samples. Here the 20 samples are drawn once, so that the kernel of a row to all of them is known
    before any stream is read; the null comes from a pool of at most 20,000 honest rows.
    """

    unit: Array
    across: Array
    reference: float
    sigma: float
    size: int
    published: float

    @property
    def name(self) -> str:
        """With the window's size."""
        return f"MMD window {self.size:,}"

    @classmethod
    def fit(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator, size: int) -> Window:
        """Draw the references and the null from the rows of honest streams."""
        unit = normalised(table.codes)
        pool = rng.permutation(pooled(honest))[:POOL]
        sample = unit[pool[:2_000]]
        apart = distances(sample, sample)[np.triu_indices(len(sample), 1)]
        sigma = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
        draws = [unit[rng.choice(pool, min(size, pool.size), replace=False)] for _ in range(REPEATS)]
        reference = float(np.mean([within(d, sigma) for d in draws]))
        across = _mean_kernel(unit, np.concatenate(draws), sigma)
        return cls(unit, across, reference, sigma, size, _null(unit[pool], size, sigma, rng))

    @classmethod
    def fit_1500(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> Window:
        """The paper's window."""
        return cls.fit(table, honest, rng, 1_500)

    @classmethod
    def fit_100(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> Window:
        """The paper's smallest window."""
        return cls.fit(table, honest, rng, 100)

    def looks(self, stream: Stream) -> Looks:
        """Score: mean MMD^2 of each whole window to the honest samples."""
        rows = stream.rows[:ROWS]
        ends = np.arange(self.size, rows.size + 1, self.size)
        if not ends.size:
            return NOTHING
        windows = [rows[e - self.size : e] for e in ends]
        score = [mmd2(within(self.unit[w], self.sigma), self.reference, self.across[w].mean()) for w in windows]
        return Looks(ends, np.array(score))


def normalised(codes: Array) -> Array:
    """(T, d) float32 rows of length 1; a row of zeros stays."""
    rows = np.asarray(codes, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _mean_kernel(rows: Array, reference: Array, sigma: float, most: int = 6_000) -> Array:
    """(T,) each row's mean kernel to the reference rows, of which `most` are enough."""
    reference = reference[:: max(1, len(reference) // most)]
    parts = [kernel(distances(part, reference), sigma).mean(1) for part in np.array_split(rows, len(rows) // 2_000 + 1)]
    return np.concatenate(parts)


def _null(pool: Array, size: int, sigma: float, rng: np.random.Generator) -> float:
    """95th percentile among disjoint honest samples, all of them out of one kernel matrix."""
    some = pool[: max(2 * size, 4_000)]
    half = min(size, len(some) // 2)
    order = rng.random((len(some), NULLS)).argsort(axis=0)
    x, y = ((order >= a) & (order < a + half) for a in (0, half))
    x, y = x.astype(np.float32), y.astype(np.float32)
    gram = kernel(distances(some, some), sigma)
    to_x, to_y = gram @ x, gram @ y
    xx, yy, xy = ((a * b).sum(0, dtype=float) for a, b in ((x, to_x), (y, to_y), (x, to_y)))
    return float(np.quantile((xx + yy - 2 * half) / (half * (half - 1)) - 2 * xy / half**2, 0.95))
