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
    """What becomes of the best class, which is the first of equals.

    NONE: it may change.  WEAK: it stays among the best, and others may draw level.  STRICT: it stays among the best,
    and none is best that was not before; so that whoever reads only the best class reads the same.
    """

    NONE = 0
    WEAK = 1
    STRICT = 2


class Depends(IntEnum):
    """What an answer is a function of, besides a key, who asks, and how they are treated.

    NONE: chance.  STATE: what was answered before.  INPUT: the input.  OUTPUT: the model's own scores alone.
    """

    NONE = 0
    STATE = 1
    INPUT = 2
    OUTPUT = 3


class Stage(IntEnum):
    """Where a defence may stand: none may follow one of a later stage, since it would undo what that one guarantees."""

    PERTURB = 0
    MARK = 1
    TRUNCATE = 2
    ROUND = 3


class Guarantees(msgspec.Struct, frozen=True, kw_only=True):
    """Declared by a defence, enforced by the pipeline.

    simplex: rows are probabilities (finite, >= 0, sum 1).  l1_max: most that a row moves, 0..2.
    deterministic: what the same answer is given for, in every process.  keyed: needs a secret.
    stateless: a row's answer depends on no other row.
    """

    simplex: bool = True
    argmax: Argmax = Argmax.NONE
    l1_max: float = 2.0
    deterministic: Depends = Depends.OUTPUT
    keyed: bool = False
    stateless: bool = True

    def meet(self, other: Guarantees) -> Guarantees:
        """What still holds when the other defence follows this one.

        What follows a WEAK one sees two best classes where there was one, and may keep the wrong one.
        """
        holds = self.argmax is Argmax.STRICT or not other.l1_max
        return Guarantees(
            simplex=other.simplex,
            argmax=min(self.argmax, other.argmax) if holds else Argmax.NONE,
            l1_max=min(self.l1_max + other.l1_max, 2.0),
            deterministic=min(self.deterministic, other.deterministic),
            keyed=self.keyed or other.keyed,
            stateless=self.stateless and other.stateless,
        )


NOTHING_CHANGES = Guarantees(argmax=Argmax.STRICT, l1_max=0.0)
"""What holds where there is no defence at all."""


class Context(msgspec.Struct, frozen=True):
    """What a defence may know of a batch besides its scores; a request is one principal's.

    fingerprints: (n,) uint64 keyed hashes of the inputs.  principal: who asks.  stance: how it is treated (`Stance`).
    surrogate: (n, k) what a clone would answer, where one is at hand.
    """

    fingerprints: Array | None = None
    principal: str = ""
    stance: int = 0
    surrogate: Scores | None = None


class Defence(Protocol):
    """Reshapes score vectors. Configuration is frozen; shape is pure and never writes into its argument."""

    @property
    def name(self) -> str:
        """Module, plugin, config key and metric label."""
        ...

    @property
    def stage(self) -> Stage:
        """Where it may stand."""
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
    highest = after.max(axis=1)
    if not (after[rows, top] >= highest).all():
        return False
    if promise < Argmax.STRICT:
        return True
    return not ((after == highest[:, None]) & (before < before[rows, top][:, None])).any()
