"""Two detectors by coverage of the input space: CAP's buckets and Kesarwani's query summaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.detect_peer_mmd import normalised
from benchmarks.detect_peers import NOTHING, ROWS, Looks, pooled
from benchmarks.detect_world import Stream, Table
from wellhead.core.arrays import Array

LAMBDA, ALPHA, BETA = 0.0005, 8.0, 0.19
COVERAGE, NOVELTY, SPREAD = 0.05, 0.35, 0.45


def cost(coverage: Array, novelty: Array, spread: Array) -> Array:
    """CAP's price of a query: exponential in coverage, linear in new buckets and in spread."""
    rising = COVERAGE * np.expm1(np.minimum(coverage / BETA * math.log(ALPHA / LAMBDA), 700.0))
    return LAMBDA + rising + ALPHA * (NOVELTY * novelty + SPREAD * np.minimum(spread, 1.0))


@dataclass(frozen=True)
class Cap:
    """How widely a principal's queries spread over buckets of embedding space (Coverage-Aware Perturbation).

    Published settings, as arXiv 2606.05725 re-ran it: embeddings of length 1 in 2,048 buckets by the signs of 11
    random projections; lambda 0.0005, alpha 8, beta 0.19, weights 0.05 coverage, 0.35 novelty, 0.45 spread; a look
    every 100 queries; alarm above the 95th percentile of the largest cost of 1,000 honest streams, drawn from the pool
    of all honest queries, of 10 looks each.
    """

    name: ClassVar[str] = "CAP coverage"
    every: ClassVar[int] = 100
    unit: Array
    bucket: Array
    published: float

    @classmethod
    def fit(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> Cap:
        """Draw the projections, and the threshold from honest rows."""
        unit = normalised(table.codes)
        bits = unit @ rng.normal(size=(unit.shape[1], 11)).astype(np.float32) >= 0
        fitted = cls(unit, bits @ (1 << np.arange(11)), math.nan)
        pool = pooled(honest)
        peaks = [fitted._costs(rng.choice(pool, 10 * cls.every)).peak for _ in range(1_000)]
        return cls(unit, fitted.bucket, float(np.quantile(peaks, 0.95)))

    def looks(self, stream: Stream) -> Looks:
        """Score: the cost after each 100 queries."""
        return self._costs(stream.rows[:ROWS])

    def _costs(self, rows: Array) -> Looks:
        ends = np.arange(self.every, rows.size + 1, self.every)
        if not ends.size:
            return NOTHING
        rows = rows[: ends[-1]]
        new = np.zeros(rows.size)
        new[np.unique(self.bucket[rows], return_index=True)[1]] = 1.0
        unit = self.unit[rows].reshape(ends.size, self.every, -1)
        mean = np.cumsum(unit.sum(1, dtype=float), axis=0) / ends[:, None]
        length = np.cumsum(np.square(unit).sum((1, 2), dtype=float)) / ends
        spread = np.sqrt(np.maximum(length - np.square(mean).sum(1), 0.0))
        return Looks(ends, cost(np.cumsum(new)[ends - 1] / 2_048, new.reshape(ends.size, -1).mean(1), spread))


@dataclass(frozen=True)
class Kesarwani:
    """How much of a decision tree's leaves a principal's queries have covered (Kesarwani et al., COMAD 2018).

    The paper keeps for each leaf the range of each input that queries have spanned, and warns of the sum over leaves of
    (share of honest inputs in the leaf) x (share of the leaf's ranges that is spanned). Its models are trees; here a
    tree of at most 64 leaves stands for the model, fitted to its answers to honest inputs. A look every 100 queries.
    The paper leaves the warning level to the owner; none is published.
    """

    name: ClassVar[str] = "Kesarwani coverage"
    every: ClassVar[int] = 100
    published: ClassVar[float] = math.nan
    codes: Array
    leaf: Array
    share: Array
    width: Array

    @classmethod
    def fit(cls, table: Table, honest: Sequence[Stream], rng: np.random.Generator) -> Kesarwani:
        """Fit the tree, and the honest inputs' range in each leaf."""
        from sklearn.tree import DecisionTreeClassifier

        pool, top1 = rng.permutation(pooled(honest))[:20_000], table.top1
        tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0).fit(table.codes[pool], top1[pool])
        _, leaf = np.unique(tree.apply(table.codes.astype(np.float32)), return_inverse=True)
        leaves = int(leaf.max()) + 1
        low, high = _ranges(table.codes[pool], leaf[pool], leaves)
        share = np.bincount(leaf[pool], minlength=leaves) / pool.size
        return cls(table.codes, leaf, share, np.maximum(high - low, 0.0))

    def looks(self, stream: Stream) -> Looks:
        """Score: the covered share of the honest inputs' space."""
        rows = stream.rows[:ROWS]
        ends = np.arange(self.every, rows.size + 1, self.every)
        low, high = np.full(self.width.shape, np.inf), np.full(self.width.shape, -np.inf)
        score = []
        for end in ends:
            part = rows[end - self.every : end]
            below, above = _ranges(self.codes[part], self.leaf[part], len(self.share))
            low, high = np.minimum(low, below), np.maximum(high, above)
            score.append(float(self.share @ _spanned(low, high, self.width)))
        return Looks(ends, np.array(score))


def _ranges(codes: Array, leaf: Array, leaves: int) -> tuple[Array, Array]:
    """(leaves, d) smallest and largest value of each column in each leaf; inf and -inf where it has no rows."""
    low, high = np.full((leaves, codes.shape[1]), np.inf), np.full((leaves, codes.shape[1]), -np.inf)
    order = np.argsort(leaf, kind="stable")
    there, first = np.unique(leaf[order], return_index=True)
    low[there] = np.minimum.reduceat(codes[order], first, axis=0)
    high[there] = np.maximum.reduceat(codes[order], first, axis=0)
    return low, high


def _spanned(low: Array, high: Array, width: Array) -> Array:
    """(leaves,) mean over the columns that vary of the share of the range that is spanned."""
    varies = width > 0
    part = np.clip(np.maximum(high - low, 0.0) / np.where(varies, width, 1.0), 0.0, 1.0)
    return (part * varies).sum(1) / np.maximum(varies.sum(1), 1)
