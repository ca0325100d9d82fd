"""Attribute inference: a sensitive column of a known record, from what the model says to each possible value."""

from __future__ import annotations

from typing import ClassVar, Self

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Conversation, Result, answered
from wellhead.redteam.invert.aim import told
from wellhead.redteam.known import Known
from wellhead.redteam.learner import LEARNERS
from wellhead.redteam.measure import Interval

_Z95 = 1.959963984540054
_FLOOR = 1e-6


class Attributes(Result, kw_only=True):
    """What was guessed of a column. guesses: (n,) values, NaN where unanswered.  right: (n,) bool.

    accuracy: of the guesses.  baseline: of imputation from the pool on the same rows, without asking the model.
    lift: accuracy - baseline, with its 95 % interval over the rows (paired).
    """

    column: int
    guesses: Array
    right: Array
    accuracy: float
    baseline: float
    lift: float
    interval: Interval


class Attribute(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Attribute inference with the model as a witness (Yeom et al., CSF 2018), beside imputation without it.

    Every value of the column is put into each record and asked; the guess is the value with the largest
    prior x probability of the record's true label. The prior is what a learner imputes from the other columns and the
    label over a pool, so that the lift is what the model adds to public knowledge (Jayaraman and Evans, CCS 2022).

    inputs, labels: the records, their column as the truth to score against.  column: index of the flattened feature.
    values: (k,) that it can take.  pool, pool_labels: public records.  learner: that imputes, of `learner.LEARNERS`.
    rows: what may be asked; where it is too little, fewer records.
    Needs labels, tells more from probabilities; costs k queries a record, in one batch.
    """

    name: ClassVar[str] = "attribute"
    paper: ClassVar[str] = "Yeom et al., Privacy Risk in Machine Learning, CSF 2018, arXiv 1709.01604"
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024.001",)
    needs: ClassVar[Exposure] = Exposure.LABEL
    repeats: ClassVar[bool] = False

    inputs: Inputs
    labels: Labels
    column: int
    values: Array
    pool: Inputs
    pool_labels: Labels | None = None
    learner: str = "gradient_boosting"
    rows: int = 20_000

    def __post_init__(self) -> None:
        if len(self.values) < 2 or not len(self.pool) or self.learner not in LEARNERS:
            raise ConfigError("expected two values or more, a pool that is not empty and a known learner")

    @classmethod
    def suit(cls, known: Known) -> Self:
        """The first categorical column; raises Unsuited without one, a pool, or candidates with true labels."""
        known.need_numbers()
        known.need(known.task == "classifier", "needs a model that answers with classes")
        known.need(len(known.candidates) > 0 and known.candidate_labels is not None, "needs records with true labels")
        categories = np.flatnonzero(known.arities > 1)
        known.need(categories.size > 0, "needs a categorical column to guess")
        known.need(len(known.pool) > 0, "needs a pool to impute from")
        column = int(categories[0])
        values = known.low[column] + np.arange(int(known.arities[column]), dtype=np.float64)
        known.need(known.rows >= values.size, f"needs {values.size} queries")
        return cls(
            inputs=known.candidates,
            labels=np.asarray(known.candidate_labels),
            column=column,
            values=values,
            pool=known.pool,
            pool_labels=known.labels,
            rows=known.rows,
        )

    def run(self, rng: np.random.Generator) -> Conversation:
        """One round for all records and values."""
        count = min(len(self.inputs), self.rows // self.values.size)
        chosen = np.sort(rng.permutation(len(self.inputs))[:count])
        records = np.asarray(self.inputs)[chosen]
        asked = np.repeat(records[:, None], self.values.size, axis=1).reshape(count * self.values.size, -1)
        asked[:, self.column] = np.tile(self.values, count)
        answer = yield asked.reshape(-1, *records.shape[1:])
        heard = answered(answer).reshape(count, -1).all(axis=1)
        labels = np.asarray(self.labels)[chosen]
        classes = int(max(labels.max(), 0 if answer.scores is None else answer.scores.shape[1] - 1)) + 1
        found = told(answer, classes).reshape(count, self.values.size, classes)[np.arange(count), :, labels]
        witness = np.where(np.isnan(found), self._by_label(answer.top1, labels, count), found)
        prior = self._prior(records, labels, int(rng.integers(2**31)))
        truth = records.reshape(count, -1)[:, self.column]
        guessed, imputed = self.values[(prior * np.maximum(witness, _FLOOR)).argmax(axis=1)], prior.argmax(axis=1)
        guesses = np.full(len(self.inputs), np.nan)
        guesses[chosen[heard]] = guessed[heard]
        return self._result(guesses, _close(guessed, truth)[heard], _close(self.values[imputed], truth)[heard])

    def _by_label(self, told_labels: Labels | None, labels: Labels, count: int) -> Array:
        """(n, k): the share of answers that are right where the answer is, what is left elsewhere."""
        if told_labels is None:
            return np.ones((count, self.values.size))
        right = told_labels.reshape(count, -1) == labels[:, None]
        # how often the model is right on true records, as far as records tell whose column is unknown
        share = float(np.clip(right.any(axis=1).mean(), 0.6, 0.99))
        return np.where(right, share, 1 - share)

    def _prior(self, records: Array, labels: Labels, seed: int) -> Array:
        """(n, k): imputed from the other columns, and from the label where the pool tells it."""
        public = np.asarray(self.pool).reshape(len(self.pool), -1)
        own = records.reshape(len(records), -1)
        targets = np.abs(public[:, self.column, None] - self.values).argmin(axis=1)
        public, own = (np.delete(x, self.column, axis=1) for x in (public, own))
        if self.pool_labels is not None:
            known = np.asarray(self.pool_labels)
            ones = np.eye(int(max(known.max(), labels.max())) + 1, dtype=public.dtype)
            public, own = np.hstack([public, ones[known]]), np.hstack([own, ones[labels]])
        shares = LEARNERS[self.learner](public, targets, seed).predict_proba(own)
        prior = np.full((len(own), self.values.size), _FLOOR)
        prior[:, : shares.shape[1]] += shares
        return prior

    def _result(self, guesses: Array, right: Array, imputed: Array) -> Attributes:
        n = right.size
        accuracy, baseline = (float(x.mean()) if n else 0.0 for x in (right, imputed))
        gain = right.astype(np.float64) - imputed
        half = _Z95 * float(gain.std(ddof=1)) / n**0.5 if n > 1 else 1.0
        lift = accuracy - baseline
        detail = (
            f"column {self.column}: {accuracy:.1%} of {n} guessed, {baseline:.1%} without the model, lift {lift:+.1%}"
        )
        return Attributes(
            column=self.column,
            guesses=guesses,
            right=right,
            accuracy=accuracy,
            baseline=baseline,
            lift=lift,
            interval=Interval(max(lift - half, -1.0), min(lift + half, 1.0)),
            detail=f"{detail} ({lift - half:+.1%} to {lift + half:+.1%})",
        )


def _close(guesses: Array, truth: Array) -> Array:
    return np.isclose(guesses, truth, rtol=0, atol=1e-5)
