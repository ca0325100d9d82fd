"""What all wrappers share: they hold an attack, pass on what it asks, and pass back what it is told."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import ClassVar, Self, TypeAlias

import msgspec
import numpy as np

from wellhead.core.arrays import Inputs
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Attack, Conversation, Result
from wellhead.redteam.extract.active import Random
from wellhead.redteam.known import Known

Way: TypeAlias = Callable[[Inputs], Generator[Inputs, Answer, Answer]]
"""way(inputs of the inner attack) -> the round that is really asked, returning the inner attack's answers."""


class Wrapper(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An attack around `attack`. A wrapper adds `kind`, `note`, `_way` and perhaps `_end`.

    kind: its own name, the entry point; the attack as a whole is called `kind_inner`.  note: one clause for the report.
    """

    kind: ClassVar[str]
    note: ClassVar[str]
    paper: ClassVar[str]
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.002",)

    attack: Attack

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.kind}_{self.attack.name}"

    @property
    def needs(self) -> Exposure:
        """What the inner attack needs."""
        return self.attack.needs

    @property
    def repeats(self) -> bool:
        """True where the inner attack asks the same again on purpose."""
        return self.attack.repeats

    @classmethod
    def suit(cls, known: Known, inner: type[Attack] = Random) -> Self:
        """Around an attack that is suited itself; raises Unsuited where that is."""
        return cls(attack=inner.suit(known))

    def run(self, rng: np.random.Generator) -> Conversation:
        """The inner attack's conversation, the wrapper's way."""
        way = self._way(rng.spawn(1)[0])
        talk = self.attack.run(rng)
        try:
            inputs = next(talk)
            while True:
                inputs = talk.send((yield from way(inputs)))
        except StopIteration as stop:
            result = self._end(way, stop.value)
            return msgspec.structs.replace(result, detail=f"{result.detail}; {self.note}".lstrip("; "))
        finally:
            talk.close()

    def _way(self, rng: np.random.Generator) -> Way:
        raise NotImplementedError

    def _end(self, way: Way, result: Result) -> Result:  # noqa: ARG002 - for wrappers that look back
        return result
