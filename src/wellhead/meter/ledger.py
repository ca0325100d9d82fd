"""The sufficient statistics of the best simple clone that can be trained on what was answered. Ledgers add."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Features
from wellhead.core.batch import Batch
from wellhead.core.codec import LOG_FLOOR, log_scores
from wellhead.core.errors import ProfileError
from wellhead.core.exposure import Exposure
from wellhead.meter import pack
from wellhead.meter.profile import Profile

_FLOOR = float(np.log(LOG_FLOOR))


class Sums(NamedTuple):
    """Over some rows: A (D, D) = sum phi phi', T (D, k) = sum phi t', S (D, k) = sum phi s'.

    t: one-hot of the top-1 label, or a regressor's standardised value (k = 1).
    s: log-probability above its floor, so that classes that never score cost nothing; None without scores.
    """

    rows: int
    A: Array
    T: Array
    S: Array | None = None


class Ledger(msgspec.Struct, frozen=True):
    """What a principal was told; rows that carried scores are kept apart from rows of labels or values only.

    profile: id of the profile whose features are summed.  rows: all that were counted.
    """

    profile: str
    rows: int = 0
    plain: Sums | None = None
    scored: Sums | None = None

    @classmethod
    def empty(cls, profile: Profile) -> Ledger:
        """The ledger of nobody; it allocates nothing."""
        return cls(profile.id)

    @classmethod
    def from_batch(cls, profile: Profile, batch: Batch) -> Ledger:
        """The ledger of a batch's rows, whoever asked; raises ProfileError where the batch is of another model."""
        return next(from_runs(profile, batch, (0, len(batch)))) if len(batch) else cls.empty(profile)

    def __add__(self, other: Ledger) -> Ledger:
        """Commutative and associative; raises ProfileError where the profiles differ."""
        if self.profile != other.profile:
            raise ProfileError(
                f"ledgers of profiles {self.profile[:12]} and {other.profile[:12]} do not add", "rebuild one of them"
            )
        plain, scored = _add(self.plain, other.plain), _add(self.scored, other.scored)
        return Ledger(self.profile, self.rows + other.rows, plain, scored)

    @property
    def total(self) -> Sums | None:
        """A and T over every row."""
        whole = _add(self.plain, self.scored)
        return None if whole is None else whole._replace(S=None)

    def to_bytes(self) -> bytes:
        """Packed: half of each symmetric A, and only the columns of classes that occur."""
        parts = {"plain": _packed(self.plain), "scored": _packed(self.scored)}
        return pack.dump("ledger", {"profile": self.profile, "rows": self.rows, **parts})

    @classmethod
    def from_bytes(cls, data: bytes) -> Ledger:
        """The ledger in these bytes; raises ProfileError where they are damaged."""
        record = pack.load("ledger", data)
        return cls(record["profile"], record["rows"], _unpacked(record["plain"]), _unpacked(record["scored"]))


def from_runs(profile: Profile, batch: Batch, cuts: Sequence[int]) -> Iterator[Ledger]:
    """One ledger for each run of rows between neighbouring cuts; features and targets are made once for all.

    Raises ProfileError where the batch is of another model.
    """
    phi = profile.features(batch.codes)
    targets, scores = _targets(profile, batch.values if profile.regressor else batch.top1), _scores(profile, batch)
    told = np.zeros(len(batch), bool)
    if scores is not None:
        told = (batch.given >= Exposure.TOP_K) & (batch.given <= Exposure.LOGITS) & batch.scores.any(axis=1)
    for a, b in itertools.pairwise(cuts):
        run = slice(a, b)
        yield Ledger(
            profile.id,
            b - a,
            _sums(phi[run], targets[run], None, ~told[run]),
            None if scores is None else _sums(phi[run], targets[run], scores[run], told[run]),
        )


def from_answers(profile: Profile, phi: Features, truth: Array, quantised: Array | None = None) -> Ledger:
    """The ledger of rows phi (n, D) all told their labels or values (n,), or all their scores too, (n, k) int8."""
    targets, everyone = _targets(profile, truth), np.ones(len(phi), bool)
    if quantised is None:
        return Ledger(profile.id, len(phi), _sums(phi, targets, None, everyone), None)
    return Ledger(profile.id, len(phi), None, _sums(phi, targets, log_scores(quantised) - _FLOOR, everyone))


def _targets(profile: Profile, truth: Array) -> Array:
    """(n, k) one-hot labels, unknown ones all zero; (n, 1) standardised values for regressors."""
    if profile.regressor:
        return np.nan_to_num(profile.standardise(truth))[:, None]
    k = max(profile.classes, int(truth.max(initial=-1)) + 1)
    return np.asarray(truth[:, None] == np.arange(k), np.float64)


def _scores(profile: Profile, batch: Batch) -> Array | None:
    """(n, k) log-probabilities above the floor, or None where the batch has no column of scores."""
    if profile.regressor or not batch.scores.size:
        return None
    k = batch.classes or batch.scores.shape[1]
    if k != profile.classes:
        raise ProfileError(f"the profile's model has {profile.classes} classes, got scores of {k}", "fit it anew")
    above = log_scores(batch.scores) - _FLOOR
    if not batch.score_classes.size:
        return above
    filled = np.zeros((len(batch), k))
    np.put_along_axis(filled, batch.score_classes.astype(np.int64), above, axis=1)
    return filled


def _sums(phi: Features, targets: Array, scores: Array | None, among: Array) -> Sums | None:
    """The sums over rows `among`; X.T @ X of one array is what BLAS does in half the work."""
    if not among.all():
        phi, targets, scores = phi[among], targets[among], None if scores is None else scores[among]
    if not len(phi):
        return None
    A, k = phi.T @ phi, targets.shape[1]
    if scores is None:
        return Sums(len(phi), A, phi.T @ targets, None)
    both = phi.T @ np.hstack([targets, scores])
    return Sums(len(phi), A, both[:, :k], both[:, k:])


def _add(a: Sums | None, b: Sums | None) -> Sums | None:
    if a is None or b is None:
        return b if a is None else a
    S = _wide(a.S, b.S) if a.S is not None and b.S is not None else (a.S if b.S is None else b.S)
    return Sums(a.rows + b.rows, a.A + b.A, _wide(a.T, b.T), S)


def _wide(a: Array, b: Array) -> Array:
    """a + b, where one of them may have met classes that the other has not."""
    if a.shape == b.shape:
        return a + b
    wide, narrow = (a, b) if a.shape[1] >= b.shape[1] else (b, a)
    total = wide.copy()
    total[:, : narrow.shape[1]] += narrow
    return total


def _packed(sums: Sums | None) -> list[Any] | None:
    if sums is None:
        return None
    half = sums.A[np.triu_indices(len(sums.A))]
    return [sums.rows, half, *_columns(sums.T), *(_columns(sums.S) if sums.S is not None else ())]


def _columns(B: Array) -> tuple[int, Array, Array]:
    used = np.flatnonzero(B.any(axis=0)).astype(np.int32)
    return B.shape[1], used, B[:, used]


def _unpacked(parts: list[Any] | None) -> Sums | None:
    if parts is None:
        return None
    rows, half, *rest = parts
    D = len(rest[2])
    A = np.zeros((D, D))
    A[np.triu_indices(D)] = half
    A += np.triu(A, 1).T
    return Sums(rows, A, _scattered(*rest[:3]), _scattered(*rest[3:]) if len(rest) > 3 else None)


def _scattered(k: int, used: Array, columns: Array) -> Array:
    B = np.zeros((len(columns), k))
    B[:, used] = columns
    return B
