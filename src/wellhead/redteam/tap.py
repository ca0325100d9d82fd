"""Listen to an attack's conversation: everything that was answered is what a thief holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from wellhead.core.arrays import Inputs
from wellhead.core.event import Answer
from wellhead.redteam.attack import (
    Attack,
    Conversation,
    Extraction,
    answered,
    join,
    join_inputs,
    take,
    take_inputs,
)


class Heap:
    """Everything that was answered, each input once."""

    def __init__(self) -> None:
        self._inputs: list[Inputs] = []
        self._answers: list[Answer] = []
        self._known: set[bytes] = set()
        self.rows = 0

    def add(self, inputs: Inputs, answer: Answer) -> None:
        """Keep the answered rows that are new; inputs with missing features teach ordinary learners nothing."""
        new = [i for i in np.flatnonzero(answered(answer)) if self._is_new(inputs[i])]
        if new:
            rows = np.array(new)
            self._inputs.append(take_inputs(inputs, rows))
            self._answers.append(take(answer, rows))
            self.rows += len(new)

    def _is_new(self, one: Any) -> bool:
        if isinstance(one, str):
            key = one.encode()
        elif np.isfinite(one).all():
            key = np.ascontiguousarray(one, np.float64).tobytes()
        else:
            return False
        if key in self._known:
            return False
        self._known.add(key)
        return True

    @property
    def extraction(self) -> Extraction:
        """All of it."""
        return Extraction(inputs=join_inputs(self._inputs), answer=join(self._answers))


class Tapped:
    """An attack whose answers are overheard; otherwise the same."""

    def __init__(self, attack: Attack, *heaps: Heap) -> None:
        self._attack, self._heaps = attack, heaps
        self.name, self.paper, self.atlas = attack.name, attack.paper, attack.atlas
        self.needs, self.repeats = attack.needs, attack.repeats
        self.asked = 0

    def run(self, rng: np.random.Generator) -> Conversation:
        """The attack's own conversation."""
        talk = self._attack.run(rng)
        try:
            inputs = next(talk)
            while True:
                self.asked += len(inputs)
                answer = yield inputs
                for heap in self._heaps:
                    heap.add(inputs, answer)
                inputs = talk.send(answer)
        except StopIteration as stop:
            result: Any = stop.value
            return result  # type: ignore[no-any-return]
        finally:
            talk.close()
