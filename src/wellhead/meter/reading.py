"""What a ledger is worth: how much of the model a clone solved from it reproduces, and its information in bits."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.errors import ProfileError
from wellhead.meter.ledger import Ledger, Sums
from wellhead.meter.profile import TOLERANCE, Profile

GRID = tuple(10.0**e for e in np.arange(-3.0, 3.0, 0.5))
"""Ridge strengths; a thief tunes too, so the reading takes the one that serves the clone best."""
_FIRST, _BEST = 200, 3
"""Reference rows on which every strength is tried at least, and strengths that are tried on all of them."""
_OUTPUTS = 1 << 16
"""Outputs that are compared at a time: they stay in the cache."""
NOISE = 1.0
"""sigma^2 of the information."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a ledger.

    replication: share of the reference set on which the clone agrees (regressors: R^2), 0..1.
    attainable, floor: of the profile.  bits: 1/2 log2 det(I + A / sigma^2), 0 and up.
    by: `scores`, `labels`, `both` or `values`, whichever gave most; `nothing` for an empty ledger.
    within: regressors: share of the reference set reproduced to a tenth of a standard deviation; else as replication.
    at_least: replication may be too low: the inputs lie far from the population, and no learner was refitted.
    """

    rows: int
    replication: float
    attainable: float
    floor: float
    bits: float
    by: str
    within: float
    at_least: bool = False

    @property
    def drawn(self) -> float:
        """How far from guessing to the attainable clone, 0..1."""
        return float(np.clip((self.replication - self.floor) / max(self.attainable - self.floor, 1e-9), 0.0, 1.0))


class _Solver(NamedTuple):
    """One eigendecomposition of A and the reference set seen through it: solves B for every strength."""

    values: Array
    vectors: Array
    seen: Array

    @classmethod
    def of(cls, A: Array, phi: Array) -> _Solver:
        values, vectors = np.linalg.eigh(A)
        return cls(np.maximum(values, 0.0), vectors, phi @ vectors)

    def weights(self, B: Array) -> Array:
        """(D, strengths, k): the solved clone for each strength, in the eigenbasis of A."""
        shrunk = 1.0 / (self.values[:, None] + np.array(GRID))
        return np.asarray((self.vectors.T @ B)[:, None, :] * shrunk[:, :, None])

    def outputs(self, B: Array) -> list[Array]:
        """For each strength, the clone's outputs (m, k) on the reference set."""
        weights = self.weights(B)
        return [self.seen @ weights[:, g] for g in range(len(GRID))]

    def agreement(self, B: Array, truth: Array) -> float:
        """The largest share, over strengths, of reference rows whose label the clone gives.

        All strengths are tried on the first quarter of the rows, the best of them on the rest: neighbours on the grid
        differ by little, and the reading is what metering spends most on.
        """
        weights = self.weights(B).astype(np.float32)
        seen = self.seen.astype(np.float32)
        first = max(_FIRST, len(seen) // 4)
        hits = _hits(seen[:first], weights, truth[:first])
        best = np.argsort(-hits, kind="stable")[:_BEST]
        rest = _hits(seen[first:], weights[:, best], truth[first:])
        return float((hits[best] + rest).max() / len(truth))

    @property
    def bits(self) -> float:
        return float(0.5 * np.log2(1.0 + self.values / NOISE).sum())


def _hits(seen: Array, weights: Array, truth: Array) -> Array:
    """(g,) reference rows whose label each of g clones gives; float32, because a label needs no more digits."""
    D, strengths, k = weights.shape
    flat = weights.reshape(D, -1)
    some = max(1, _OUTPUTS // (strengths * k))
    hits = np.zeros(strengths, np.int64)
    for start in range(0, len(seen), some):
        rows = slice(start, start + some)
        labels = (seen[rows] @ flat).reshape(-1, strengths, k).argmax(axis=2)
        hits += (labels == truth[rows, None]).sum(axis=0)
    return hits


def read(ledger: Ledger, profile: Profile) -> Reading:
    """The reading of a ledger; raises ProfileError where it belongs to another profile."""
    if ledger.profile != profile.id:
        raise ProfileError(
            f"the ledger is of profile {ledger.profile[:12]}, not {profile.id[:12]}", "rebuild it with this profile"
        )
    total = ledger.total
    if total is None:
        return _reading(ledger, profile, profile.floor, 0.0, "nothing", 0.0 if profile.regressor else profile.floor)
    whole = _Solver.of(total.A, profile.reference_features)
    if profile.regressor:
        share, within = _regression(whole.outputs(total.T), profile)
        return _reading(ledger, profile, share, whole.bits, "values", within)
    shares = _classification(ledger, total, whole, profile)
    by = max(shares, key=lambda name: shares[name])
    return _reading(ledger, profile, shares[by], whole.bits, by, shares[by])


def _reading(ledger: Ledger, profile: Profile, share: float, bits: float, by: str, within: float) -> Reading:
    return Reading(
        rows=ledger.rows,
        replication=share,
        attainable=profile.attainable,
        floor=profile.floor,
        bits=bits,
        by=by,
        within=within,
    )


def _classification(ledger: Ledger, total: Sums, whole: _Solver, profile: Profile) -> dict[str, float]:
    """Agreement by each way of using the ledger that it allows."""
    truth = profile.reference.truth
    shares = {"labels": whole.agreement(_centred(total.T), truth)}
    scored, plain = ledger.scored, ledger.plain
    if scored is None or scored.S is None:
        return shares
    solver = whole if plain is None else _Solver.of(scored.A, profile.reference_features)
    S = _centred(scored.S)
    shares["scores"] = solver.agreement(S, truth)
    if plain is not None:
        shares["both"] = whole.agreement(_joined(S, scored.T, plain.T), truth)
    return shares


def _joined(S: Array, T: Array, labels: Array) -> Array:
    """Labels beside scores in one sum: a label counts as a score of the size that scores have where both are known.

    S, T: (D, k) centred scores and one-hot labels of the scored rows; labels: (D, k) of the others.
    """
    size = float((S * _centred(T)[:, : S.shape[1]]).sum() / max((T**2).sum(), 1e-12))
    return np.asarray(S + size * _centred(labels)[:, : S.shape[1]])


def _centred(B: Array) -> Array:
    return np.asarray(B - B.mean(axis=1, keepdims=True))


def _regression(outputs: list[Array], profile: Profile) -> tuple[float, float]:
    """(R^2 clipped to 0..1, share within the tolerance), both at the strength of the best R^2."""
    truth = profile.standardise(profile.reference.truth)
    misses = [o[:, 0] - truth for o in outputs]
    best = min(misses, key=lambda miss: float((miss**2).sum()))
    share = 1.0 - float((best**2).sum() / max(((truth - truth.mean()) ** 2).sum(), 1e-12))
    return float(np.clip(share, 0.0, 1.0)), float((np.abs(best) <= TOLERANCE).mean())
