"""The attack contract: a conversation that asks inputs, is told answers, and returns a result."""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar, Protocol, Self, TypeAlias

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores, Values
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.known import Known


class Clone(Protocol):
    """A model rebuilt from answers; classifiers' clones may also have `predict_proba(inputs) -> (n, k)`."""

    def predict(self, inputs: Inputs) -> Labels | Values:
        """(n,) class indices, or (n,) numbers for regressors."""
        ...


class Result(msgspec.Struct, kw_only=True):
    """What an attack brings home. detail: one sentence for the report."""

    detail: str = ""


class Extraction(Result, kw_only=True):
    """What was asked and told, unanswered rows left out, and the clone where the attack builds one itself."""

    inputs: Inputs
    answer: Answer
    clone: Clone | None = None


class Membership(Result, kw_only=True):
    """How likely each candidate was a training row. scores: (n,) float64 in the order of the candidates, larger is
    likelier, NaN where it was not answered.
    """

    scores: Array


class Inversion(Result, kw_only=True):
    """Inputs made up from answers. inputs: (m, ...).  classes: (m,) whose likeness each is.

    confidence: (m,) float64 that the target gives it, NaN where it tells none.
    """

    inputs: Inputs
    classes: Labels
    confidence: Array


Conversation: TypeAlias = Generator[Inputs, Answer, Result]
"""Yields inputs, is sent their answers, returns a Result."""


class Attack(Protocol):
    """A frozen msgspec struct: its fields are its configuration. It holds no model and does no I/O.

    name: snake_case, equal to its entry point.  paper: where it comes from.  atlas: MITRE ATLAS ids.
    needs: the least that answers must give away; `run` reports `unsupported` below it.
    repeats: True where the same input is asked again on purpose, so that no answer comes from the cache.
    """

    paper: ClassVar[str]
    atlas: ClassVar[tuple[str, ...]]

    # Properties here, so that a wrapper may take them from the attack inside; an attack has them as class variables.
    @property
    def name(self) -> str: ...
    @property
    def needs(self) -> Exposure: ...
    @property
    def repeats(self) -> bool: ...

    @classmethod
    def suit(cls, known: Known) -> Self:
        """The attack, configured for what is known of the target; raises Unsuited with the reason where none fits."""
        ...

    def run(self, rng: np.random.Generator) -> Conversation:
        """The conversation. Answers may have unanswered rows (see `answered`); after a round in which no row was
        answered there will be no more answers, and the attack returns with what it has.
        """
        ...


def answered(answer: Answer) -> Array:
    """(n,) bool: rows that carry an answer. Unanswered rows have label -1, NaN scores and NaN values."""
    if answer.values is not None:
        return ~np.isnan(answer.values)
    if answer.labels is not None:
        return answer.labels >= 0
    return np.zeros(0, bool) if answer.scores is None else scored(answer)


def scored(answer: Answer) -> Array:
    """(n,) bool: rows that carry a full score vector; the others were told a label only, or nothing."""
    if answer.scores is None or not answer.kind.has_scores:
        return np.zeros(length(answer), bool)
    return np.asarray(~np.isnan(answer.scores).any(axis=1))


def length(answer: Answer) -> int:
    """Rows of an answer, answered or not."""
    for column in (answer.labels, answer.values, answer.scores):
        if column is not None:
            return int(column.shape[0])
    return 0


def _picked(column: Array | None, rows: Array) -> Array | None:
    return None if column is None else column[rows]


def take(answer: Answer, rows: Array) -> Answer:
    """The answer of these rows (index or mask)."""
    scores, labels, values = (_picked(c, rows) for c in (answer.scores, answer.labels, answer.values))
    return Answer(answer.kind, scores, labels, values)


def take_inputs(inputs: Inputs, rows: Array) -> Inputs:
    """The inputs of these rows (index or mask), texts as well as numbers."""
    if isinstance(inputs, list):
        return [inputs[i] for i in np.arange(len(inputs))[rows]]
    return inputs[rows]


def _stack(blocks: list[Array | None], sizes: list[int], missing: float) -> Array | None:
    """Blocks under each other; a block that lacks the column becomes rows of `missing`."""
    first = next((b for b in blocks if b is not None), None)
    if first is None:
        return None
    filled = [
        np.full((n, *first.shape[1:]), missing, first.dtype) if b is None else b
        for b, n in zip(blocks, sizes, strict=True)
    ]
    return np.concatenate(filled)


def join(answers: list[Answer]) -> Answer:
    """Answers under each other. kind: the most that any of them gave away."""
    sizes = [length(a) for a in answers]
    scores: Scores | None = _stack([a.scores for a in answers], sizes, np.nan)
    labels: Labels | None = _stack([a.top1 for a in answers], sizes, -1)
    values: Values | None = _stack([a.values for a in answers], sizes, np.nan)
    return Answer(max((a.kind for a in answers), default=Exposure.NONE), scores, labels, values)


def join_inputs(parts: list[Inputs]) -> Inputs:
    """Inputs under each other."""
    if parts and isinstance(parts[0], list):
        return [text for part in parts for text in part]
    return np.concatenate([np.asarray(p) for p in parts]) if parts else np.zeros((0, 0), np.float32)
