"""What an attacker knows before it asks: attacks configure themselves from it."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import Unsuited
from wellhead.core.exposure import Exposure


class Known(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What is known of a target, and what the attacker has of its own.

    rows: queries this attack may ask.  task: `classifier` or `regressor`.  classes: 0 where unknown.
    shape: of one input, () for texts.  low, high: (d,) bounds of each flattened feature; queries keep within them.
    arities: (d,) int, how many values 0..a-1 a categorical feature has, 0 for a number.
    exposure: what answers carry.  decimals: to which scores are rounded, -1 where they carry full float64.
    single: the target computes in float32.  missing: it accepts NaN as a missing feature.
    pool: inputs like those that the model serves, (n, ...) or n texts, with or without labels (n,).
    candidates: rows whose membership is asked, with their true labels.  train_rows: size of the training set.
    recipe: the learner that shadow models are trained with, a name of `learner.LEARNERS`.
    """

    rows: int = 2000
    task: str = "classifier"
    classes: int = 0
    shape: tuple[int, ...] = ()
    low: Array = np.zeros(0)
    high: Array = np.zeros(0)
    arities: Array = np.zeros(0, np.int64)
    exposure: Exposure = Exposure.PROBABILITIES
    decimals: int = -1
    single: bool = False
    missing: bool = False
    pool: Inputs = np.zeros((0, 0), np.float32)
    labels: Labels | None = None
    candidates: Inputs = np.zeros((0, 0), np.float32)
    candidate_labels: Labels | None = None
    train_rows: int = 0
    recipe: str = "mlp"

    @property
    def features(self) -> int:
        """How many numbers one input has; 0 for texts."""
        return math.prod(self.shape) if self.shape else 0

    def need(self, kept: bool, reason: str) -> None:
        """Raise Unsuited with the reason unless `kept`."""
        if not kept:
            raise Unsuited(reason)

    def need_numbers(self) -> None:
        """Raise Unsuited unless inputs are numbers whose bounds are known."""
        self.need(self.features > 0, "needs inputs that are numbers")
        known = self.low.shape == self.high.shape == (self.features,)
        self.need(known, "needs the bounds of every feature")
