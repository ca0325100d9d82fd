"""The shaped answer in the form of the upstream's columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from wellhead.core.arrays import Array, Labels, Scores
from wellhead.core.errors import ProtocolError
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.protocols.outputs import Column, Ranked, Role, one_hot, roles, softmax


def write(columns: dict[str, Column], answer: Answer, spec: ModelSpec) -> dict[str, Column]:
    """The columns that give no more than the answer: scores and labels replaced, other carriers dropped.

    Raises ProtocolError where the answer does not fit the columns (the gate then fails closed).
    """
    for name, column in columns.items():
        if len(column) != rows(answer):
            raise ProtocolError(f"expected {len(column)} rows for {name[:40]!r}, got {rows(answer)}")
    written: dict[str, Column] = {}
    for name, part in roles(columns, spec).items():
        new = _rewrite(part, columns[name], answer, spec)
        if new is not None:
            written[name] = new
    return written


def rows(answer: Answer) -> int:
    """How many rows the answer has; raises ProtocolError where it carries nothing."""
    carrier = next((c for c in (answer.scores, answer.labels, answer.values) if c is not None), None)
    if carrier is None:
        raise ProtocolError("expected an answer with scores, labels or values, got none of them")
    return len(carrier)


def _rewrite(part: Role, column: Any, answer: Answer, spec: ModelSpec) -> Column | None:
    if part is Role.EXTRA:
        return column if answer.kind is Exposure.LOGITS else None
    if part is Role.VALUES:
        return _values(answer).reshape(column.shape)
    if part is Role.LABELS:
        return write_labels(column, _top1(answer), spec)
    if part is Role.CONFIDENCE:
        return _confidence(column, answer)
    if part is Role.RANKED:
        return _ranked(column, answer)
    return _scores(part, column, answer)


def _values(answer: Answer) -> Array:
    if answer.values is None:
        raise ProtocolError("expected values for a regressor, got none", "check model.task")
    return answer.values


def _top1(answer: Answer) -> Labels:
    top = answer.top1
    if top is None:
        raise ProtocolError("expected labels or scores for a classifier, got neither", "check model.task")
    return top


def _scores(part: Role, column: Array, answer: Answer) -> Array:
    """The score tensor in its own shape; what is not allowed as logits is written as probabilities."""
    binary = part in (Role.BINARY, Role.MARGIN)
    k = 2 if binary else column.shape[1]
    scores = one_hot(_top1(answer), k) if answer.scores is None else answer.scores
    if scores.shape[1] != k:
        raise ProtocolError(f"expected scores of {k} classes, got {scores.shape[1]}")
    if answer.kind is Exposure.LOGITS and part in (Role.PROBABILITIES, Role.BINARY):
        scores = softmax(scores)
    if not binary:
        return scores
    if answer.kind is Exposure.LOGITS and part is Role.MARGIN:
        return np.asarray(scores[:, 1] - scores[:, 0]).reshape(column.shape)
    return scores[:, 1].reshape(column.shape)


def write_labels(column: Column, top: Labels, spec: ModelSpec) -> Column:
    """The labels in the column's form: texts, or numbers of its shape."""
    if isinstance(column, list):
        digits = not spec.classes or all(t.isdecimal() and t not in spec.classes for t in column)
        return [str(i) if digits else spec.classes[i] for i in top.tolist()]
    numbers = top.astype(np.float64)
    if spec.classes and all(c.isdecimal() for c in spec.classes):
        numbers = np.array([float(spec.classes[i]) for i in top.tolist()])
    return numbers.reshape(np.asarray(column).shape)


def _confidence(column: Array, answer: Answer) -> Array:
    """The label's own probability: 1 for a label-only answer."""
    if answer.kind is Exposure.LABEL:
        return np.ones_like(column)
    if answer.scores is None:
        return column
    picked = np.take_along_axis(_as_probabilities(answer), _top1(answer)[:, None], axis=1)
    return picked.reshape(column.shape)


def _as_probabilities(answer: Answer) -> Scores:
    scores = answer.scores
    if scores is None:
        return one_hot(_top1(answer), int(_top1(answer).max()) + 1)
    return softmax(scores) if answer.kind is Exposure.LOGITS else scores


def _ranked(column: Ranked, answer: Answer) -> Ranked:
    """The same classes with their new scores, best first; classes whose score was cut are left out."""
    if answer.scores is None:
        return column if answer.kind > Exposure.LABEL else _only_label(column, _top1(answer))
    if answer.kind is Exposure.LABEL:
        return _only_label(column, _top1(answer))
    values = np.take_along_axis(answer.scores, column.index, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    if answer.kind < Exposure.PROBABILITIES:
        order = order[:, : max(1, int((values > 0).sum(axis=1).max()))]
    names = tuple(
        tuple(row[i] for i in picks) for row, picks in zip(column.names, order.tolist(), strict=bool(column.names))
    )
    return Ranked(np.take_along_axis(values, order, axis=1), np.take_along_axis(column.index, order, axis=1), names)


def _only_label(column: Ranked, top: Labels) -> Ranked:
    listed = column.index == top[:, None]
    if not bool(listed.any(axis=1).all()):
        raise ProtocolError("expected the label among the ranked classes, got another")
    place = listed.argmax(axis=1)
    names = tuple((row[i],) for row, i in zip(column.names, place.tolist(), strict=bool(column.names)))
    return Ranked(np.ones((len(top), 1)), top[:, None], names)
