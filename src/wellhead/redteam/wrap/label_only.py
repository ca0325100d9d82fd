"""Ignore scores: those that a defence has bent teach less than the labels beside them."""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, Self

import numpy as np

from wellhead.core.arrays import Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Attack
from wellhead.redteam.extract.active import Random
from wellhead.redteam.known import Known
from wellhead.redteam.wrap.wrapper import Way, Wrapper


class LabelOnly(Wrapper, frozen=True, kw_only=True, eq=False):
    """The inner attack hears labels and nothing else. Costs no query more."""

    kind: ClassVar[str] = "label_only"
    note: ClassVar[str] = "from labels alone"
    paper: ClassVar[str] = "Tang et al., ModelGuard, USENIX Security 2024 (top-1 strategy)"

    def __post_init__(self) -> None:
        if self.attack.needs > Exposure.LABEL:
            raise ConfigError(f"expected an attack that labels suffice for, got {self.attack.name}")

    @classmethod
    def suit(cls, known: Known, inner: type[Attack] = Random) -> Self:
        """Raises Unsuited for regressors, and for attacks that need more."""
        known.need(known.task == "classifier", "needs labels")
        attack = inner.suit(known)
        known.need(attack.needs <= Exposure.LABEL, f"{attack.name} needs more than labels")
        return cls(attack=attack)

    def _way(self, rng: np.random.Generator) -> Way:  # noqa: ARG002 - the contract's
        def way(inputs: Inputs) -> Generator[Inputs, Answer, Answer]:
            return labels_alone((yield inputs))

        return way


def labels_alone(answer: Answer) -> Answer:
    """The answer without its scores; nothing where it had no labels."""
    labels = answer.top1
    return Answer(Exposure.NONE if labels is None else Exposure.LABEL, labels=labels)
