"""Cover traffic: most of what leaves is harmless."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.redteam.attack import Attack, join_inputs, take, take_inputs
from wellhead.redteam.extract.active import Random
from wellhead.redteam.known import Known
from wellhead.redteam.wrap.wrapper import Way, Wrapper

_SHARE = 0.25


class Covered(Wrapper, frozen=True, kw_only=True, eq=False):
    """The attack's rows are a `share` of all, at random places among inputs such as customers send. Costs 1 / share
    queries for each of the attack's.

    decoys: (n, ...) or n texts, each used once before any is used again. An input asked again is answered from the
    transcript and does not leave, so that fewer decoys than the attack needs raise the share.
    """

    kind: ClassVar[str] = "covered"
    note: ClassVar[str] = "hidden among decoys"
    paper: ClassVar[str] = "Juuti et al., PRADA, EuroS&P 2019, arXiv 1805.02628, section 6 (dummy queries)"

    decoys: Inputs
    share: float = _SHARE

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or not len(self.decoys):
            raise ConfigError("expected a share in (0, 1] and one decoy or more")

    @classmethod
    def suit(cls, known: Known, inner: type[Attack] = Random) -> Self:
        """The pool's first part is for the attack, the rest for decoys; raises Unsuited where there is none."""
        known.need(len(known.pool) > 1, "needs a pool to take decoys from")
        own = min(max(int(_SHARE * len(known.pool)), 1), len(known.pool) - 1)
        first, rest = np.arange(own), np.arange(own, len(known.pool))
        less = msgspec.structs.replace(
            known,
            rows=int(_SHARE * known.rows),
            pool=take_inputs(known.pool, first),
            labels=None if known.labels is None else known.labels[:own],
        )
        return cls(attack=inner.suit(less), decoys=take_inputs(known.pool, rest))

    def _way(self, rng: np.random.Generator) -> Way:
        order, used, asked = rng.permutation(len(self.decoys)), 0, 0

        def way(inputs: Inputs) -> Generator[Inputs, Answer, Answer]:
            nonlocal used, asked
            asked += len(inputs)
            # Whole decoys: what one round rounds down the next makes up for.
            until = math.floor(asked * (1.0 - self.share) / self.share + 1e-9)
            decoys = take_inputs(self.decoys, order[np.arange(used, until) % order.size])
            used = until
            places: Array = rng.permutation(len(inputs) + len(decoys))
            answer = yield take_inputs(join_inputs([inputs, decoys]), places)
            return take(answer, np.argsort(places)[: len(inputs)])

        return way
