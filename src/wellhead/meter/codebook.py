"""A codebook: fixed answers for each best class, fitted once to a sample of true ones and then frozen.

For ModelGuard-S (Tang et al., USENIX Security 2024), whose codebook grows with what is asked: there the first answer
of a class is the model's own, and replicas come to differ. Here no entry is anybody's answer: each is the mean of
several that differ, and each class has one more that is made up.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Labels, Scores
from wellhead.core.errors import ProfileError

EPSILON = 1.0
"""L1 distance that entries are made to serve."""
MEMBERS = 5
"""Answers, different to two decimals, that an entry is the mean of, at least."""
MOST = 12
"""Fitted entries of a class."""
_LEAD = 1e-4
_SURE = 0.6
_WRONG = "expected a codebook of probabilities, each best in its class, got something else"


class Codebook(msgspec.Struct, frozen=True, eq=False):
    """Answers to choose from.

    entries: (c, k) probabilities, those of class 0 first.  starts: (k + 1,), class i has entries starts[i] to
    starts[i + 1].  peak: the best class's share in the made-up entry of every class, where the others share alike.
    covered: share of the sample that is near an entry.  Raises ProfileError where these do not fit together.
    """

    entries: Scores
    starts: Array
    peak: float
    covered: float

    def __post_init__(self) -> None:
        if np.ndim(self.entries) != 2 or np.ndim(self.starts) != 1 or self.starts.dtype.kind not in "iu":
            raise ProfileError(_WRONG, "fit it anew")
        counts, k = np.diff(self.starts), self.classes
        if len(counts) != k or (counts < 0).any() or self.starts[0] or counts.sum() != len(self.entries):
            raise ProfileError(_WRONG, "fit it anew")
        best = (self.entries.argmax(axis=1) == np.repeat(np.arange(k), counts)).all()
        whole = (self.entries >= 0.0).all() and np.allclose(self.entries.sum(axis=1), 1.0)
        if not best or not whole or not 1.0 / k < self.peak <= 1.0:
            raise ProfileError(_WRONG, "fit it anew")

    @property
    def classes(self) -> int:
        """k."""
        return int(self.entries.shape[1])

    def choices(self, best: Labels) -> Scores:
        """(n, q, k): what there is to choose from for rows of these best classes (n,); the last are made up."""
        starts, k = self.starts[best], self.classes
        counts = self.starts[best + 1] - starts
        slots = np.arange(counts.max(initial=0) + 1)
        made_up = slots >= counts[:, None]
        found = np.empty((len(best), len(slots), k))
        if len(self.entries):
            self.entries.take(starts[:, None] + slots, axis=0, out=found, mode="clip")
        found[made_up] = (1.0 - self.peak) / (k - 1)
        row, slot = np.nonzero(made_up)
        found[row, slot, best[row]] = self.peak
        return found


def fit_codebook(scores: Scores, epsilon: float = EPSILON) -> Codebook:
    """The codebook of a sample's true probabilities (n, k), k >= 2, in any order; rows without numbers are left out.

    epsilon: the L1 distance that its entries are made to serve, 0..2.
    """
    scores = _probabilities(scores)
    best, k = scores.argmax(axis=1), scores.shape[1]
    peak = min(max(float(scores.max(axis=1).mean()), _SURE), 1.0) if len(scores) else _SURE
    entries: list[Array] = []
    starts, covered = [0], 0
    for label in range(k):
        rows = scores[best == label]
        entries += _entries(_different(rows), label, epsilon)
        near = [_far(rows, entry) <= epsilon for entry in (*entries[starts[-1] :], _made_up(label, k, peak))]
        covered += int(np.any(near, axis=0).sum())
        starts.append(len(entries))
    table = np.array(entries, np.float64).reshape(-1, k)
    return Codebook(table, np.array(starts), peak, covered / max(len(scores), 1))


def _probabilities(scores: Scores) -> Scores:
    """The rows that hold numbers, made to sum to 1."""
    scores = np.maximum(np.asarray(scores, np.float64)[np.isfinite(scores).all(axis=1)], 0.0)
    scores = scores[scores.sum(axis=1) > 0.0]
    return np.ascontiguousarray(scores / scores.sum(axis=1, keepdims=True))


def _entries(rows: Scores, label: int, epsilon: float) -> Iterator[Array]:
    """Means of neighbours, from the middle of what is left, until all rows are near one."""
    left = rows if len(rows) >= MEMBERS else rows[:0]
    for _ in range(MOST):
        if not len(left):
            return
        start = left[_far(left, left.mean(axis=0)).argmin()]
        far = _far(rows, start)
        members = np.argsort(far, kind="stable")[: max(MEMBERS, int((far <= epsilon / 2).sum()))]
        entry = (1.0 - _LEAD) * rows[members].mean(axis=0)
        entry[label] += _LEAD
        near = _far(left, entry) <= epsilon
        if near.any():
            yield entry
        left = left[~near & (left != start).any(axis=1)]


def _different(rows: Scores) -> Scores:
    """One row of each kind, to two decimals, in an order of their own: copies with jitter are one answer."""
    ordered = np.frombuffer(b"".join(sorted(row.tobytes() for row in rows))).reshape(rows.shape)
    kinds = {kind.tobytes(): i for i, kind in enumerate(np.round(ordered, 2))}
    return ordered[list(kinds.values())]


def _made_up(label: int, k: int, peak: float) -> Array:
    entry = np.full(k, (1.0 - peak) / (k - 1))
    entry[label] = peak
    return entry


def _far(rows: Scores, point: Array) -> Array:
    return np.asarray(np.abs(rows - point).sum(axis=1))
