"""Jitter: the same question never looks the same."""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, Self

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.redteam.attack import Attack
from wellhead.redteam.extract.active import Random
from wellhead.redteam.known import Known
from wellhead.redteam.wrap.wrapper import Way, Wrapper


class Jittered(Wrapper, frozen=True, kw_only=True, eq=False):
    """Noise on every number, so that repeats get past caches and counts of exact duplicates. Costs no query more.

    low, high: (d,) bounds; what lies within them stays there.  scale: standard deviation in shares of each range.
    arities: (d,) as in `Known`; categories are left alone.
    """

    kind: ClassVar[str] = "jittered"
    note: ClassVar[str] = "with noise on every input"
    paper: ClassVar[str] = "Chen et al., Stateful Detection of Black-Box Adversarial Attacks, 2019, arXiv 1907.05587"

    low: Array
    high: Array
    arities: Array = np.zeros(0, np.int64)
    scale: float = 1e-3

    def __post_init__(self) -> None:
        if not self.scale > 0 or self.low.shape != self.high.shape:
            raise ConfigError("expected a scale above 0 and as many lower as upper bounds")

    @classmethod
    def suit(cls, known: Known, inner: type[Attack] = Random) -> Self:
        """Raises Unsuited for texts and where the bounds are unknown."""
        known.need_numbers()
        return cls(attack=inner.suit(known), low=known.low, high=known.high, arities=known.arities)

    def _way(self, rng: np.random.Generator) -> Way:
        width = self.scale * (self.high - self.low)
        width = np.where(self.arities > 0, 0.0, width) if self.arities.any() else width

        def way(inputs: Inputs) -> Generator[Inputs, Answer, Answer]:
            flat = np.asarray(inputs).reshape(len(inputs), -1)
            moved = flat + width * rng.normal(size=flat.shape)
            moved = np.clip(moved, np.minimum(self.low, flat), np.maximum(self.high, flat))
            return (yield moved.astype(flat.dtype).reshape(np.shape(inputs)))

        return way
