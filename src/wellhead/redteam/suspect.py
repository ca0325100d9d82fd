"""Ask a suspect, and those that are none, the same inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels, Scores
from wellhead.core.errors import ConfigError
from wellhead.redteam.attack import answered, scored, take_inputs
from wellhead.redteam.budget import UNLIMITED
from wellhead.redteam.desk import Desk
from wellhead.redteam.files import Table
from wellhead.redteam.learner import LEARNERS
from wellhead.redteam.oracle import Oracle
from wellhead.redteam.patience import PATIENT, Patience
from wellhead.redteam.transcript import Transcript

CHEAP = ("logistic", "random_forest", "mlp")
"""Learners of a panel, in turn."""


class Said(NamedTuple):
    """What somebody answered. labels: (n,), -1 where nothing came.  scores: (n, k), None where labels are all."""

    labels: Labels
    scores: Scores | None


def listen(oracle: Oracle, inputs: Inputs, classes: int, patience: Patience = PATIENT, seed: int = 0) -> Said:
    """What the suspect says to each input, at its pace. classes: of our model.

    Raises ConfigError where it answers with numbers, or of other classes.
    """
    answer = Desk(oracle, UNLIMITED, Transcript(), patience, seed).ask(inputs)
    if answer.values is not None:
        raise ConfigError("expected a suspect that names classes, got a regressor")
    labels = answer.top1
    heard = answered(answer)
    labels = np.full(len(inputs), -1) if labels is None else np.where(heard, labels, -1)
    scores = answer.scores if answer.scores is not None and scored(answer)[heard].all() and heard.any() else None
    if labels.max(initial=0) >= classes or (scores is not None and scores.shape[1] != classes):
        raise ConfigError(f"expected answers of {classes} classes as ours, got others", "wrap the suspect in a module")
    return Said(labels.astype(np.int64), scores)


def renamed(said: Said, theirs: Sequence[str], ours: Sequence[str]) -> Said:
    """The same in our order of classes, where both name the same classes."""
    if not theirs or tuple(theirs) == tuple(ours) or sorted(theirs) != sorted(ours):
        return said
    to_ours = np.array([list(ours).index(name) for name in theirs])
    labels = np.where(said.labels >= 0, to_ours[said.labels], -1)
    return Said(labels, None if said.scores is None else said.scores[:, np.argsort(to_ours)])


def panel(table: Table, models: int, seed: int, learners: Sequence[str] = CHEAP) -> Iterator[tuple[str, Any]]:
    """Models that never saw one of our answers: each with its own draw of rows, seed and learner, in turn.

    table: inputs with their true labels. Raises ConfigError without labels.
    """
    if table.labels is None:
        raise ConfigError("expected true labels to train independent models on, got none")
    for number in range(models):
        rng = np.random.default_rng([seed, number])
        rows = rng.integers(0, len(table.inputs), len(table.inputs))
        learner = learners[number % len(learners)]
        clone = LEARNERS[learner](take_inputs(table.inputs, rows), table.labels[rows], int(rng.integers(2**31)))
        yield f"{learner} {number + 1}", clone


def heard(clone: Any, inputs: Inputs, classes: int) -> Said:
    """What a model of the panel says; classes that it never saw get 0."""
    told: Array = np.asarray(clone.predict_proba(inputs))
    scores = np.zeros((len(inputs), classes))
    scores[:, : told.shape[1]] = told[:, :classes]
    return Said(scores.argmax(axis=1), scores)


def answer_text(said: Said) -> bytes:
    """What was said, as bytes to be hashed."""
    return b"".join(np.ascontiguousarray(c).tobytes() for c in said if c is not None)
