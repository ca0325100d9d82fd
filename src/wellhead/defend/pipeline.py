"""The last thing that touches an answer: no more leaves than is allowed, whatever fails."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from wellhead.core.arrays import Flat, Labels, Scores
from wellhead.core.errors import WellheadError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.defend.guarantees import (
    TOLERANCE,
    Argmax,
    Context,
    Defence,
    Guarantees,
    Stage,
    broken,
    is_simplex,
)
from wellhead.defend.label_only import LabelOnly, one_hot
from wellhead.defend.rounding import MOST_DECIMALS, Rounding, round_row
from wellhead.defend.spec import met
from wellhead.defend.top_k import TopK

_CONTEXT = Context()
_SCORED = (Exposure.PROBABILITIES, Exposure.LOGITS)
_LABELS = "label_only"


class Faults(msgspec.Struct):
    """Batches that left as labels only because something failed, and the last reason; pipelines may share it."""

    count: int = 0
    last: str = ""


class Pipeline:
    """Perturbations first, then truncation, then rounding; what each promises is checked on every batch, and the whole.

    defences: of probabilities, in order of their stages.  missing: why they cannot be had yet; until then only labels
    leave.  faults: where batches that broke a promise or a defence are counted.
    """

    def __init__(self, defences: Sequence[Defence] = (), missing: str = "", faults: Faults | None = None) -> None:
        self.defences = tuple(defences)
        self._missing = missing
        self.faults = faults or Faults()
        self._plain = not (self.defences or missing)
        self.guarantees = met(self.defences)

    @property
    def failures(self) -> int:
        """Batches that left as labels only because something failed."""
        return self.faults.count

    @property
    def last_failure(self) -> str:
        """Why, the last time; empty where nothing has failed."""
        return self.faults.last

    def shape(
        self, answer: Answer, allowed: Exposure, decimals: int = -1, top_k: int = 3, context: Context = _CONTEXT
    ) -> tuple[Answer, str]:
        """The answer as it may leave, and the names of what reshaped it; the same object and "" where nothing had to.

        decimals: -1 keeps the model's own.  top_k: classes that keep a score where `allowed` is TOP_K.
        Nothing but its decimals can be cut from a regressor's number, unless nothing at all is allowed.
        """
        if self._plain and _may_leave(answer, allowed, decimals):
            return answer, ""
        try:
            return self._shape(answer, allowed, (decimals, top_k), context)
        except Exception as e:  # whatever it is, the answer must not leave as it came
            self.faults.count += 1
            self.faults.last = f"{type(e).__name__}: {e}"
            return _closed(answer, allowed), _LABELS

    def _shape(self, answer: Answer, allowed: Exposure, cut: tuple[int, int], context: Context) -> tuple[Answer, str]:
        flat, decimals = answer.flat, cut[0]
        if flat is not None and self._plain and _only_rounds(answer, allowed, decimals):
            return Answer(answer.kind, _rounded(flat, decimals), answer.labels), "round"
        kind, scores = answer.kind, answer.scores
        if allowed is Exposure.NONE or kind is Exposure.NONE:
            return Answer(Exposure.NONE), "nothing"
        if kind is Exposure.VALUE:
            return _value(answer, decimals), "round" if decimals >= 0 else ""
        if scores is None or (min(kind, allowed) is Exposure.LABEL and not self._flips):
            return _closed(answer, allowed), _LABELS
        if self._missing:
            raise WellheadError(self._missing)
        if kind is Exposure.LOGITS and allowed >= Exposure.LOGITS and self._plain:
            return Answer(kind, np.round(scores, min(decimals, MOST_DECIMALS)), answer.labels), "round"
        left = min(kind, allowed, Exposure.PROBABILITIES)
        return self._probabilities(answer, scores, self._steps(left, *cut), (left, context))

    @property
    def _flips(self) -> bool:
        """True where labels are not safe from these defences, and so have to pass them too."""
        return self.guarantees.argmax is Argmax.NONE

    def _steps(self, left: Exposure, decimals: int, top_k: int) -> list[Defence]:
        """The defences, with the cuts that the policy asks for in their places."""
        steps: list[Defence] = [d for d in self.defences if d.stage <= Stage.TRUNCATE]
        if left is Exposure.TOP_K:
            steps.append(TopK(top_k))
        if left is Exposure.LABEL:
            return [*steps, LabelOnly()]
        steps += [d for d in self.defences if d.stage > Stage.TRUNCATE]
        return [*steps, Rounding(decimals)] if decimals >= 0 else steps

    def _whole(self, steps: Sequence[Defence]) -> Guarantees:
        """What all steps together must keep: a cut that the policy asks for is no leave to lose the best class."""
        whole = met(steps)
        if whole.argmax is Argmax.NONE and not self._flips:
            return msgspec.structs.replace(whole, argmax=Argmax.WEAK)
        return whole

    def _probabilities(
        self, answer: Answer, scores: Scores, steps: Sequence[Defence], rest: tuple[Exposure, Context]
    ) -> tuple[Answer, str]:
        """Run the steps over probabilities, each held to its promise, and all of them together."""
        left, context = rest
        first = shaped = softmax(scores) if answer.kind is Exposure.LOGITS else scores
        if answer.kind in _SCORED and not is_simplex(shaped):
            raise WellheadError("expected rows of probabilities that sum to 1, got others")
        for step in steps:
            before, shaped = shaped, step.shape(shaped, context)
            _hold(step.guarantees, before, shaped, step.name)
        names = "+".join(step.name for step in steps) or "probabilities"
        if len(steps) > 1:
            _hold(self._whole(steps), first, shaped, names)
        return Answer(left, shaped, _labels(answer.labels, first, shaped)), names


def _hold(promise: Guarantees, before: Scores, after: Scores, name: str) -> None:
    fault = broken(promise, before, after)
    if fault:
        raise WellheadError(f"{name} broke its promise: {fault}")


def _labels(labels: Labels | None, before: Scores, after: Scores) -> Labels | None:
    """The model's own labels, but for rows in which a defence made another class the best."""
    if labels is None:
        return None
    moved = after[np.arange(len(after)), before.argmax(axis=1)] < after.max(axis=1)
    return np.where(moved, after.argmax(axis=1), labels) if moved.any() else labels


def _only_rounds(answer: Answer, allowed: Exposure, decimals: int) -> bool:
    """True where probabilities may leave as such, with fewer decimals."""
    full = answer.kind is Exposure.PROBABILITIES and allowed >= Exposure.PROBABILITIES
    return full and 0 <= decimals <= MOST_DECIMALS


def _rounded(scores: Flat, decimals: int) -> Flat:
    """What Rounding gives, held to what it promises, without an array."""
    numbers, width = scores.numbers, scores.shape[1]
    if isinstance(numbers, bytes):
        raise WellheadError("expected scores as a list of numbers, got bytes")
    shaped: list[float] = []
    for i in range(0, len(numbers), width):
        before = numbers[i : i + width]
        after = round_row(before, decimals)
        if not (_sums_to_one(before) and _sums_to_one(after)):
            raise WellheadError("expected rows of probabilities that sum to 1, got others")
        if after[before.index(max(before))] < max(after):
            raise WellheadError("round broke its promise: argmax")
        shaped += after
    return Flat(shaped, scores.shape)


def _sums_to_one(row: Sequence[float]) -> bool:
    return min(row) >= 0.0 and abs(sum(row) - 1.0) <= TOLERANCE


def softmax(logits: Scores) -> Scores:
    """(n, k) probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _may_leave(answer: Answer, allowed: Exposure, decimals: int) -> bool:
    """True where the answer gives away nothing that is not allowed, seen without looking into its arrays."""
    kind = answer.kind
    if kind is Exposure.VALUE:
        return decimals < 0 and allowed is not Exposure.NONE and answer.scores is None
    if kind > allowed:
        return False
    if kind <= Exposure.LABEL:
        return answer.scores is None and answer.values is None
    return decimals < 0 and (kind is not Exposure.TOP_K or allowed is not Exposure.TOP_K)


def _value(answer: Answer, decimals: int) -> Answer:
    values = answer.values
    if values is None or decimals < 0:
        return Answer(Exposure.VALUE, values=values)
    return Answer(Exposure.VALUE, values=np.round(values, min(decimals, MOST_DECIMALS)))


def _closed(answer: Answer, allowed: Exposure) -> Answer:
    """Labels only, or nothing where there are no labels to be had or none are allowed."""
    if allowed is Exposure.NONE or answer.kind in (Exposure.NONE, Exposure.VALUE):
        return Answer(Exposure.NONE)
    scores, labels = answer.scores, answer.labels
    if scores is None or scores.ndim != 2 or not scores.shape[1]:
        return Answer(Exposure.LABEL if labels is not None else Exposure.NONE, labels=labels)
    certain = LabelOnly().shape(scores, _CONTEXT)
    if labels is None:
        return Answer(Exposure.LABEL, certain, certain.argmax(axis=1))
    if labels.shape == scores.shape[:1] and ((labels >= 0) & (labels < scores.shape[1])).all():
        certain = one_hot(labels, scores.shape[1])
    return Answer(Exposure.LABEL, certain, labels)
