"""Two detectors by distances among a principal's own queries: PRADA and a SEAT-like one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import norm

from benchmarks.detect_peers import NOTHING, Looks, distinct, pooled
from benchmarks.detect_world import Stream, Table
from wellhead.core.arrays import Array


def distances(a: Array, b: Array) -> Array:
    """(n, m) float32 Euclidean distances; codes are small integers, so equal rows are exactly 0 apart."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    square = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2.0 * (a @ b.T)
    return np.sqrt(np.maximum(square, 0.0, out=square), out=square)


@lru_cache(maxsize=4_096)
def weights(n: int) -> Array:
    """The coefficients of the Shapiro-Wilk statistic for n >= 12 values in order (Royston 1995, AS R94)."""
    m = norm.ppf((np.arange(1, n + 1) - 0.375) / (n + 0.25))
    square, u = float(m @ m), 1.0 / np.sqrt(n)
    last = np.polyval([-2.706056, 4.434685, -2.071190, -0.147981, 0.221157, m[-1] / np.sqrt(square)], u)
    second = np.polyval([-3.582633, 5.682633, -1.752461, -0.293762, 0.042981, m[-2] / np.sqrt(square)], u)
    inner = (square - 2 * m[-1] ** 2 - 2 * m[-2] ** 2) / (1 - 2 * last**2 - 2 * second**2)
    a = m / np.sqrt(inner)
    a[[0, 1, -2, -1]] = -last, -second, second, last
    return a


def shapiro(values: Array) -> float:
    """W of twelve or more values, as scipy.stats.shapiro reports it; 1 where all are equal."""
    ordered = np.sort(values)
    apart = ordered - ordered.mean()
    spread = float(apart @ apart)
    return float(weights(ordered.size) @ ordered) ** 2 / spread if spread > 0 else 1.0


def nearest(codes: Array, classes: Array) -> Array:
    """(n,) PRADA's distance of each query to its class's growing set; NaN for the first of a class.

    A query joins the set where its distance exceeds the class's threshold: the largest value so far of the mean less
    the standard deviation of the distances of those that joined, the first of them counting 0.
    """
    found = np.full(len(codes), np.nan)
    for c in np.unique(classes):
        of = np.flatnonzero(classes == c)
        found[of] = _nearest_of_class(codes[of])
    return found


def _nearest_of_class(codes: Array) -> Array:
    found = np.full(len(codes), np.nan)
    apart = distances(codes, codes)
    closest = apart[0].copy()
    joined, total, square, threshold = 1, 0.0, 0.0, 0.0
    for i in range(1, len(codes)):
        d = found[i] = closest[i]
        if d > threshold:
            np.minimum(closest, apart[i], out=closest)
            joined, total, square = joined + 1, total + d, square + d * d
            mean = total / joined
            threshold = max(threshold, mean - np.sqrt(max(square / joined - mean * mean, 0.0)))
    return found


@dataclass(frozen=True)
class Prada:
    """Distances between a principal's queries of one class should be normal (Juuti et al., EuroS&P 2019, Algorithm 3).

    Published settings: Euclidean distance; one growing set a class; a test every 10 queries on the distances of all
    classes with 10 of them or more, less those 3 standard deviations or more off, once more than 100 are left; alarm
    where Shapiro-Wilk's W < 0.95 (MNIST; the paper gives 0.90 for GTSRB). With `distinct` exact repeats are not looked
    at, which the paper does not do: honest clients repeat themselves.
    """

    table: Table
    top1: Array
    once: bool
    published: float = 0.05

    @property
    def name(self) -> str:
        """With what was changed."""
        return "PRADA, distinct inputs" if self.once else "PRADA"

    @classmethod
    def fit(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> Prada:
        """As published."""
        del honest, rng
        return cls(table, table.top1, once=False)

    @classmethod
    def fit_distinct(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> Prada:
        """Repeats dropped."""
        del honest, rng
        return cls(table, table.top1, once=True)

    def looks(self, stream: Stream) -> Looks:
        """Score: 1 - W."""
        at = _positions(stream, self.table, self.once)
        rows = stream.rows[at]
        kinds, kind = np.unique(self.top1[rows], return_inverse=True)
        found = nearest(self.table.codes[rows], kind)
        looks, score = [], []
        for n in range(101, rows.size + 1, 10):
            kept = _kept(found[:n], kind[:n], kinds.size)
            if kept.size > 100:
                looks.append(at[n - 1] + 1)
                score.append(1.0 - shapiro(kept))
        return Looks(np.array(looks, np.int64), np.array(score))


def _positions(stream: Stream, table: Table, once: bool) -> Array:
    """Where in the stream it looks."""
    new = distinct(stream, table)
    return np.flatnonzero(new) if once else np.arange(new.size)


def _kept(found: Array, kind: Array, kinds: int) -> Array:
    """The distances that are tested: of classes with ten or more, without outliers."""
    there = np.isfinite(found)
    enough = np.bincount(kind[there], minlength=kinds) >= 10
    values = found[there & enough[kind]]
    return values[np.abs(values - values.mean()) < 3 * values.std()] if values.size else values


@dataclass(frozen=True)
class Seat:
    """Pairs of a principal's queries that nearly coincide (Zhang, Chen and Wagner, AISec 2021).

    Published settings: a pair counts where the encoder's distance is under delta; alarm at more than 50 pairs; delta
    so small that natural accounts of 1,000 queries raise no alarm (false-alarm rate 1e-4), taken here as the tail
    0.25 * 51 / (1,000 * 999 / 2) of the distances of random pairs of honest inputs, as arXiv 2606.05725 re-ran it.
    SEAT-like, since the profile's codes stand for the paper's adversarially trained encoder. With `distinct` exact
    repeats are not looked at, which the paper does not do.
    """

    table: Table
    once: bool
    delta: float
    published: float = 50.0

    @property
    def name(self) -> str:
        """With what was changed."""
        return "SEAT-like, distinct inputs" if self.once else "SEAT-like"

    @classmethod
    def fit(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> Seat:
        """As published."""
        return cls(table, once=False, delta=close(table, honest, rng))

    @classmethod
    def fit_distinct(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> Seat:
        """Repeats dropped."""
        return cls(table, once=True, delta=close(table, honest, rng))

    def looks(self, stream: Stream) -> Looks:
        """Score: similar pairs so far, looked at after every query."""
        at = _positions(stream, self.table, self.once)
        if not at.size:
            return NOTHING
        codes = self.table.codes[stream.rows[at]]
        pairs = np.tril(distances(codes, codes) <= self.delta, -1).sum(1)
        return Looks(at + 1, np.cumsum(pairs).astype(float))


def close(table: Table, honest: Sequence[Stream], rng: np.random.Generator, pairs: int = 200_000) -> float:
    """SEAT's delta: a distance that so few random pairs of different honest inputs come under."""
    rows = pooled(honest)
    rows = rows[np.unique(table.fingerprint[rows], return_index=True)[1]]
    first = rng.integers(0, rows.size, pairs)
    second = (first + rng.integers(1, rows.size, pairs)) % rows.size
    a, b = table.codes[rows[first]].astype(np.float32), table.codes[rows[second]].astype(np.float32)
    return float(np.quantile(np.linalg.norm(a - b, axis=1), max(0.25 * 51 / (1_000 * 999 / 2), 1 / pairs)))
