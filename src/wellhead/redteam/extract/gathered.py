"""What an extraction has been told so far."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.event import Answer
from wellhead.redteam.attack import Extraction, answered, join, join_inputs, take, take_inputs


class Gathered:
    """Inputs and their answers, unanswered rows left out.

    rows: answered so far.  heard: (n,) bool, which of the last batch were.  last: the answers of those.
    """

    def __init__(self) -> None:
        self._inputs: list[Inputs] = []
        self._answers: list[Answer] = []
        self.rows = 0
        self.heard: Array = np.zeros(0, bool)

    def add(self, inputs: Inputs, answer: Answer) -> bool:
        """Keep what was answered; False where nothing was, which ends the attack."""
        self.heard = heard = answered(answer)
        if not heard.any():
            return False
        self._inputs.append(take_inputs(inputs, heard))
        self._answers.append(take(answer, heard))
        self.rows += int(heard.sum())
        return True

    @property
    def inputs(self) -> Inputs:
        """All of them."""
        return join_inputs(self._inputs)

    @property
    def answer(self) -> Answer:
        """The answers to all of them."""
        return join(self._answers)

    @property
    def last_inputs(self) -> Inputs:
        """The answered inputs of the last batch."""
        return self._inputs[-1]

    @property
    def last(self) -> Answer:
        """The answers to them."""
        return self._answers[-1]

    def extraction(self, detail: str) -> Extraction:
        """The result."""
        return Extraction(inputs=self.inputs, answer=self.answer, detail=detail)
