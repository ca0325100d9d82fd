"""How exactly a target tells its scores: full float64, float32, or rounded to some decimals."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array

_MOST_DECIMALS = 16
_MOST_VALUES = 20_000
_MOST_SUMS = 50
_SHORT = 2.0**12
_CHANCE = 1e-6
_SLACK = 4.0
_DIGITS_OF_SINGLE = 7


class Precision(NamedTuple):
    """decimals: to which scores are rounded, -1 for all that their float width holds.  single: they are float32."""

    decimals: int
    single: bool

    @property
    def full(self) -> bool:
        """True where scores carry every bit of float64."""
        return self.decimals < 0 and not self.single


def precision_of(scores: Array) -> Precision:
    """The precision of probabilities, logits or values, (n, k) or (n,); rows with NaN or infinities are left out.

    Rounded rows may have been divided by their sum afterwards. Zeros and ones fit any rounding and prove none; where
    there is nothing else, decimals is 0. Without evidence (a chance below 1e-6 that unrounded scores look so) the
    answer is full precision.
    """
    table = np.asarray(scores, np.float64).reshape(len(scores), math.prod(scores.shape[1:]))
    table = table[np.isfinite(table).all(axis=1)]
    table = table[: max(_MOST_VALUES // max(table.shape[1], 1), 1)]
    telling = table[table * _SHORT != np.rint(table * _SHORT)]
    single = bool(telling.size) and bool((telling.astype(np.float32) == telling).all())
    if table.size and (table == np.rint(table)).all():
        return Precision(0, single)
    epsilon = float(np.finfo(np.float32 if single else np.float64).eps)
    normalised = bool((np.abs(table.sum(axis=1) - 1) < 1e-9 + table.shape[1] * epsilon).all())
    rounded = (d for d in range(_MOST_DECIMALS + 1) if _is_rounded(table, d, epsilon, normalised))
    decimals = next(rounded, -1)
    # Up to seven decimals every number is also the shortest of some float32.
    printed = not single and not 0 <= decimals <= _DIGITS_OF_SINGLE and _is_printed_single(telling)
    return Precision(-1, True) if printed else Precision(decimals, single)


def _is_printed_single(telling: Array) -> bool:
    """Every number is the shortest decimal that stands for a float32: 0.1 for what is 0.10000000149 in float64."""
    return bool(telling.size) and all(
        float(str(x)) == y for x, y in zip(telling.astype(np.float32), telling, strict=True)
    )


def _is_rounded(table: Array, decimals: int, epsilon: float, normalised: bool) -> bool:
    """Each row is whole numbers once multiplied by 10**decimals, or by the sum of its rounded scores."""
    whole = 10.0**decimals
    spread = int(min(table.shape[1] / 2, whole / 2, _MOST_SUMS)) if normalised else 0
    multiples = whole + np.arange(-spread, spread + 1)
    doubt = np.full(len(table), np.inf)
    for multiple in multiples:
        scaled = np.abs(table) * multiple
        slack = _SLACK * epsilon * scaled
        fits = (np.abs(scaled - np.rint(scaled)) <= slack).all(axis=1)
        # How likely unrounded scores fit by chance: integers before scaling say nothing.
        chance = np.where(table == np.rint(table), 1.0, np.clip(2 * slack, 1e-300, 1.0))
        doubt = np.where(fits, np.minimum(doubt, np.log(chance).sum(axis=1) + math.log(multiples.size)), doubt)
    return bool(table.size) and bool(np.isfinite(doubt).all()) and float(np.minimum(doubt, 0).sum()) < math.log(_CHANCE)
