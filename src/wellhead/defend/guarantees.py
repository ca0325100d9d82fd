"""What a defence promises about the answers it reshapes, and the test of a batch against the promise."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Scores

TOLERANCE = 1e-6
"""Room for float arithmetic in sums and distances."""


class Argmax(IntEnum):
    """NONE: the best class may change.  WEAK: it stays among the best.  STRICT: it stays alone at the top if it was."""

    NONE = 0
    WEAK = 1
    STRICT = 2


class Guarantees(msgspec.Struct, frozen=True, kw_only=True):
    """Declared by a defence, enforced by the pipeline.

    simplex: rows are probabilities (finite, >= 0, sum 1).  l1_max: most that a row moves, 0..2.
    deterministic: equal rows get equal answers, in every process.  keyed: needs a secret.
    stateless: a row's answer depends on no other row.
    """

    simplex: bool = True
    argmax: Argmax = Argmax.NONE
    l1_max: float = 2.0
    deterministic: bool = True
    keyed: bool = False
    stateless: bool = True

    def meet(self, other: Guarantees) -> Guarantees:
        """What still holds when the other defence follows this one."""
        return Guarantees(
            simplex=other.simplex,
            argmax=min(self.argmax, other.argmax),
            l1_max=min(self.l1_max + other.l1_max, 2.0),
            deterministic=self.deterministic and other.deterministic,
            keyed=self.keyed or other.keyed,
            stateless=self.stateless and other.stateless,
        )


class Context(msgspec.Struct, frozen=True):
    """What a defence may know of a batch besides its scores. fingerprints: (n,) uint64 keyed hashes of the inputs."""

    fingerprints: Array | None = None


class Defence(Protocol):
    """Reshapes score vectors. Configuration is frozen; shape is pure and never writes into its argument."""

    @property
    def name(self) -> str:
        """Module, plugin, config key and metric label."""
        ...

    @property
    def guarantees(self) -> Guarantees:
        """What holds for every batch of probabilities."""
        ...

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) probabilities to (n, k)."""
        ...


def is_simplex(scores: Scores) -> bool:
    """True where every row is finite, not negative, and sums to 1."""
    if scores.ndim != 2 or not scores.shape[1]:
        return False
    # A NaN anywhere makes min and sum NaN, which fails both comparisons.
    return bool((scores.min(axis=1) >= 0.0).all() and (abs(scores.sum(axis=1) - 1.0) <= TOLERANCE).all())


def broken(promise: Guarantees, before: Scores, after: Scores) -> str:
    """The first guarantee that this batch breaks, empty where all hold. before, after: (n, k)."""
    if after.shape != before.shape:
        return "shape"
    if promise.simplex and not is_simplex(after):
        return "simplex"
    if promise.argmax and not _keeps_top(promise.argmax, before, after):
        return "argmax"
    if promise.l1_max < 2.0 and not (np.abs(after - before).sum(axis=1) <= promise.l1_max + TOLERANCE).all():
        return "l1_max"
    return ""


def _keeps_top(promise: Argmax, before: Scores, after: Scores) -> bool:
    rows = np.arange(len(before))
    top = before.argmax(axis=1)
    best = after[rows, top]
    if not (best >= after.max(axis=1)).all():
        return False
    if promise < Argmax.STRICT:
        return True
    return bool(
        (((after == best[:, None]).sum(axis=1) == 1) | ((before == before[rows, top][:, None]).sum(axis=1) > 1)).all()
    )
