"""The last thing that touches an answer: no more leaves than is allowed, whatever fails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellhead.core.arrays import Flat, Scores
from wellhead.core.errors import WellheadError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.defend.guarantees import TOLERANCE, Context, Defence, broken, is_simplex
from wellhead.defend.label_only import LabelOnly, one_hot
from wellhead.defend.rounding import MOST_DECIMALS, Rounding, round_row
from wellhead.defend.top_k import TopK

_CONTEXT = Context()
_SCORED = (Exposure.PROBABILITIES, Exposure.LOGITS)


class Pipeline:
    """Perturbations first, then truncation, then rounding; what each promises is checked on every batch.

    defences: perturbations of probabilities, in order.
    failures: batches that broke a promise or a defence, and left as labels only.  last_failure: why.
    """

    def __init__(self, defences: Sequence[Defence] = ()) -> None:
        self.defences = tuple(defences)
        self.failures = 0
        self.last_failure = ""

    def shape(self, answer: Answer, allowed: Exposure, decimals: int = -1, top_k: int = 3) -> tuple[Answer, str]:
        """The answer as it may leave, and the names of what reshaped it; the same object and "" where nothing had to.

        decimals: -1 keeps the model's own.  top_k: classes that keep a score where `allowed` is TOP_K.
        Nothing but its decimals can be cut from a regressor's number, unless nothing at all is allowed.
        """
        if not self.defences and _may_leave(answer, allowed, decimals):
            return answer, ""
        try:
            return self._shape(answer, allowed, decimals, top_k)
        except Exception as e:  # whatever it is, the answer must not leave as it came
            self.failures += 1
            self.last_failure = f"{type(e).__name__}: {e}"
            return _closed(answer, allowed), "label_only"

    def _shape(self, answer: Answer, allowed: Exposure, decimals: int, top_k: int) -> tuple[Answer, str]:
        flat = answer.flat
        if flat is not None and not self.defences and _only_rounds(answer, allowed, decimals):
            return Answer(answer.kind, _rounded(flat, decimals), answer.labels), "rounding"
        kind, scores = answer.kind, answer.scores
        if allowed is Exposure.NONE or kind is Exposure.NONE:
            return Answer(Exposure.NONE), "nothing"
        if kind is Exposure.VALUE:
            return _value(answer, decimals), "rounding" if decimals >= 0 else ""
        if scores is None or min(kind, allowed) is Exposure.LABEL:
            return _closed(answer, allowed), "label_only"
        if kind is Exposure.LOGITS and allowed >= Exposure.LOGITS and not self.defences:
            return Answer(kind, np.round(scores, min(decimals, MOST_DECIMALS)), answer.labels), "rounding"
        return self._probabilities(answer, scores, min(kind, allowed, Exposure.PROBABILITIES), decimals, top_k)

    def _probabilities(
        self, answer: Answer, scores: Scores, kind: Exposure, decimals: int, top_k: int
    ) -> tuple[Answer, str]:
        """Run the steps over probabilities, each held to its promise."""
        shaped = softmax(scores) if answer.kind is Exposure.LOGITS else scores
        if answer.kind in _SCORED and not is_simplex(shaped):
            raise WellheadError("expected rows of probabilities that sum to 1, got others")
        steps = [*self.defences]
        if kind is Exposure.TOP_K:
            steps.append(TopK(top_k))
        if decimals >= 0:
            steps.append(Rounding(decimals))
        for step in steps:
            before, shaped = shaped, step.shape(shaped, _CONTEXT)
            fault = broken(step.guarantees, before, shaped)
            if fault:
                raise WellheadError(f"{step.name} broke its promise: {fault}")
        names = [step.name for step in steps] or ["probabilities"]
        return Answer(kind, shaped, answer.labels), "+".join(names)


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
            raise WellheadError("rounding broke its promise: argmax")
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
