"""Ask everything several times and average: noise that is drawn anew for each answer goes away."""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.redteam.attack import Attack, answered, join_inputs, scored
from wellhead.redteam.extract.active import Random
from wellhead.redteam.known import Known
from wellhead.redteam.wrap.wrapper import Way, Wrapper

_TIMES = 3


class Averaged(Wrapper, frozen=True, kw_only=True, eq=False):
    """Each input `times` times in the same round: mean scores and values, the commonest label.

    Costs `times` queries for each of the attack's.
    """

    kind: ClassVar[str] = "averaged"
    note: ClassVar[str] = "every input asked several times, answers averaged"
    paper: ClassVar[str] = (
        "Tang et al., ModelGuard, USENIX Security 2024 (smoothing); Orekondy et al., arXiv 1906.10908"
    )

    times: int = _TIMES

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ConfigError(f"expected to ask once or more, got {self.times}")

    @property
    def repeats(self) -> bool:
        """True: no answer may come from the cache."""
        return True

    @classmethod
    def suit(cls, known: Known, inner: type[Attack] = Random) -> Self:
        """The rows that are known are those that leave: the inner attack asks fewer."""
        return cls(attack=inner.suit(msgspec.structs.replace(known, rows=known.rows // _TIMES)))

    def _way(self, rng: np.random.Generator) -> Way:  # noqa: ARG002 - the contract's
        def way(inputs: Inputs) -> Generator[Inputs, Answer, Answer]:
            return averaged((yield join_inputs([inputs] * self.times)), self.times)

        return way


def averaged(answer: Answer, times: int) -> Answer:
    """One answer of n rows from `times` blocks of n rows; what is unanswered does not count."""
    values = None if answer.values is None else _mean(answer.values, answered(answer), times)
    scores = None if answer.scores is None else _mean(answer.scores, scored(answer), times)
    labels = answer.top1
    if labels is not None:
        labels = commonest(labels.reshape(times, -1))
    if scores is not None and labels is not None:
        whole = scored(Answer(answer.kind, scores))
        labels = np.where(whole, np.where(whole[:, None], scores, 0.0).argmax(axis=1), labels)
    return Answer(answer.kind, scores, labels, values)


def _mean(column: Array, told: Array, times: int) -> Array:
    """(n, ...): mean of the told rows, NaN where there are none."""
    shape = (times, -1, *column.shape[1:])
    mask = told.reshape(-1, *(1 for _ in column.shape[1:]))
    sums = np.where(mask, column, 0.0).reshape(shape).sum(axis=0)
    counts = mask.reshape(times, -1, *mask.shape[1:]).sum(axis=0)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def commonest(votes: Labels) -> Labels:
    """(n,) of (times, n): the label given most often, the first of equals; -1 where none was given."""
    counts = ((votes[:, None] == votes[None]) & (votes >= 0)).sum(axis=1)
    return np.asarray(votes[counts.argmax(axis=0), np.arange(votes.shape[1])])
