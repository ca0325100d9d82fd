"""What the columns of an upstream's answer are: scores, labels, values or more; alike for all families."""

from __future__ import annotations

import enum
import functools
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Labels, Scores
from wellhead.core.errors import BadAnswer
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure

SUM_TOLERANCE = 1e-3
_FAINTEST = 1e-300
_LARGEST = 1e15

LABEL_NAMES = frozenset(
    (
        "predict",
        "label",
        "labels",
        "class",
        "classes",
        "class_id",
        "class_name",
        "predicted_label",
        "output_label",
        "predicted_class",
    )
)
CONFIDENCE_NAMES = frozenset({"probability", "confidence"})
SCORE_NAMES = CONFIDENCE_NAMES | frozenset(
    ("score", "scores", "proba", "predict_proba", "probabilities", "output_probability")
)
_HIDDEN = ("embed", "hidden", "feature", "transform", "pooler", "attribution", "gradient")
_LOGITS = ("logit", "decision_function")


class Ranked(msgspec.Struct):
    """Scores that name their class: best first.

    values: (n, m) scores.  index: (n, m) class of each.  names: whether the wire named classes by text.
    """

    values: Scores
    index: Array
    names: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.values)


Column = Array | list[str] | Ranked
"""(n, ...) float64, n texts, or ranked scores."""


class Role(enum.Enum):
    """What a column is to a thief."""

    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    BINARY = "probability of the second class"
    MARGIN = "log odds of the second class"
    CONFIDENCE = "probability of the label"
    RANKED = "ranked scores"
    LABELS = "labels"
    VALUES = "values"
    EXTRA = "more"


_KINDS = {Role.PROBABILITIES: Exposure.PROBABILITIES, Role.LOGITS: Exposure.LOGITS}
_SCORES = (Role.PROBABILITIES, Role.BINARY, Role.RANKED, Role.LOGITS, Role.MARGIN)


@functools.lru_cache(maxsize=256)
def is_hidden(name: str) -> bool:
    """True for names of outputs that are no scores at all (embeddings, attributions)."""
    return any(word in name.lower() for word in _HIDDEN)


def hides_more(name: str) -> bool:
    """True for names of outputs that give away more than probabilities (logits, embeddings)."""
    return is_hidden(name) or any(word in name.lower() for word in _LOGITS)


def is_simplex(scores: Scores) -> bool:
    """True where every row lies in [0, 1] and sums to 1, both within SUM_TOLERANCE."""
    sums = np.add.reduce(scores, axis=1)
    off = abs(sums[0] - 1.0) if sums.size == 1 else np.abs(sums - 1.0).max()
    return bool(off <= SUM_TOLERANCE and np.minimum.reduce(scores, axis=None) >= -SUM_TOLERANCE)


def softmax(logits: Scores) -> Scores:
    """(n, k) rows that sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def one_hot(labels: Labels, classes: int) -> Scores:
    """(n, classes) with 1 at each label."""
    return np.asarray(np.eye(classes)[labels])


def _line_role(name: str, column: Array, spec: ModelSpec) -> Role:
    """The role of one number a row in a classifier's answer."""
    word = name.lower()
    scored = word in SCORE_NAMES
    if word in CONFIDENCE_NAMES and len(spec.classes) != 2:
        return Role.CONFIDENCE
    if not scored and bool((column == np.rint(column)).all()):
        return Role.LABELS
    if len(spec.classes) not in (0, 2):
        return Role.EXTRA
    return Role.BINARY if column.min() >= 0.0 and column.max() <= 1.0 else Role.MARGIN


def role(name: str, column: Column, spec: ModelSpec) -> Role:
    """What one column of an answer is, by its form first and its name second."""
    regressor = spec.task == "regressor"
    if isinstance(column, list):
        return Role.EXTRA if regressor else Role.LABELS
    if isinstance(column, Ranked):
        return Role.EXTRA if regressor else Role.RANKED
    line = column.ndim == 1 or column.size == len(column)
    if regressor:
        return Role.VALUES if line else Role.EXTRA
    if is_hidden(name) or not (line or _has_classes(column, spec)):
        return Role.EXTRA
    return _line_role(name, column, spec) if line else _matrix_role(column)


def _has_classes(column: Array, spec: ModelSpec) -> bool:
    """True for (n, k) with k the number of classes, as far as that is known."""
    return column.ndim == 2 and column.shape[1] == (len(spec.classes) or column.shape[1])


def _matrix_role(column: Array) -> Role:
    return Role.PROBABILITIES if is_simplex(column) else Role.LOGITS


def roles(columns: dict[str, Column], spec: ModelSpec) -> dict[str, Role]:
    """The role of each column; only one carries the scores, or the values: any other of them is EXTRA."""
    found = {name: role(name, column, spec) for name, column in columns.items()}
    leaders = (Role.VALUES,) if spec.task == "regressor" else _SCORES
    chosen = next((n for r in leaders for n, x in found.items() if x is r), None)
    for name, part in found.items():
        if part in leaders and name != chosen:
            found[name] = Role.EXTRA
    if not set(found.values()) - {Role.EXTRA}:
        wanted = (
            "one value a row"
            if spec.task == "regressor"
            else f"scores or labels of {len(spec.classes) or 'some'} classes"
        )
        raise BadAnswer(f"expected {wanted}, got {_shapes(columns)}", "check model.task and model.classes")
    if Role.CONFIDENCE in found.values() and Role.LABELS not in found.values():
        raise BadAnswer("expected a label beside the probability, got none", "check model.classes")
    return found


def _shapes(columns: dict[str, Column]) -> str:
    parts = [f"{n[:40]!r} {c.shape if isinstance(c, np.ndarray) else 'texts'}" for n, c in columns.items()]
    return ", ".join(parts[:5]) or "no output"


def class_index(name: str, spec: ModelSpec) -> int:
    """The class that a text names; raises BadAnswer that repeats the text."""
    if name in spec.classes:
        return spec.classes.index(name)
    if name.isdecimal() and name.isascii() and len(name) < 7 and int(name) < (len(spec.classes) or 1_000_000):
        return int(name)
    raise BadAnswer(
        f"expected a label of model.classes, got {name[:60]!r}",
        "list every class of the model there, in the order of its scores",
    )


def read_labels(column: Column, spec: ModelSpec) -> Labels:
    """(n,) class index of labels given as texts or whole numbers; raises BadAnswer for any other."""
    if isinstance(column, list):
        return np.array([class_index(text, spec) for text in column], dtype=np.int64)
    if isinstance(column, Ranked):
        return np.asarray(column.index[:, 0], dtype=np.int64)
    if np.abs(column).max() > _LARGEST:
        raise BadAnswer(f"expected labels up to {_LARGEST:g}, got larger ones", "check model.task")
    labels = column.reshape(-1).astype(np.int64)
    if spec.classes and not all(c.isdecimal() for c in spec.classes):
        if labels.min() < 0 or labels.max() >= len(spec.classes):
            raise BadAnswer(f"expected labels 0..{len(spec.classes) - 1}, got {labels.min()}..{labels.max()}")
        return labels
    if labels.min() < 0:
        raise BadAnswer(f"expected labels from 0, got {labels.min()}", "list the labels as model.classes")
    # Classes named by numbers: the label is the name, not the index.
    return np.array([class_index(str(x), spec) for x in labels.tolist()], dtype=np.int64) if spec.classes else labels


def _ranked(column: Ranked, spec: ModelSpec) -> tuple[Scores | None, Exposure]:
    """(n, k) scores with zeros for the unlisted; None where k is not known or logits are cut short."""
    listed, k = column.values.shape[1], len(spec.classes)
    if not k and listed > 1 and bool((np.sort(column.index, axis=1) == np.arange(listed)).all()):
        k = listed
    inside = bool(column.values.min() >= 0.0 and column.values.max() <= 1.0 + SUM_TOLERANCE)
    if not k or (listed < k and not inside):
        return None, Exposure.TOP_K if inside else Exposure.LOGITS
    scores = np.zeros((len(column), k))
    np.put_along_axis(scores, column.index, column.values, axis=1)
    if listed < k:
        return scores, Exposure.TOP_K
    return scores, Exposure.PROBABILITIES if is_simplex(scores) else Exposure.LOGITS


def _scores(part: Role, column: Any, spec: ModelSpec) -> tuple[Scores | None, Exposure]:
    if part is Role.RANKED:
        return _ranked(column, spec)
    if part is Role.PROBABILITIES:
        return column, Exposure.PROBABILITIES
    if part is Role.LOGITS:
        return column, Exposure.LOGITS
    line = column.reshape(-1)
    if part is Role.BINARY:
        return np.column_stack([1.0 - line, line]), Exposure.PROBABILITIES
    return np.column_stack([np.zeros(line.size), line]), Exposure.LOGITS


def read(columns: dict[str, Column], rows: int, spec: ModelSpec) -> Answer:
    """The Answer in the columns of a response.

    kind is the most that any column gives away; with LOGITS `scores` are logits (log-probabilities where
    probabilities came beside more telling outputs). Raises BadAnswer for a wrong row count or an unknown label.
    """
    for name, column in columns.items():
        if len(column) != rows:
            raise BadAnswer(f"expected {rows} rows, got {len(column)} in {name[:40]!r}")
    if len(columns) == 1:
        # The usual answer, on the shortest way.
        ((name, column),) = columns.items()
        part = role(name, column, spec)
        if part in _KINDS:
            return Answer(_KINDS[part], scores=np.asarray(column))
    found = roles(columns, spec)
    if spec.task == "regressor":
        value = next(n for n, r in found.items() if r is Role.VALUES)
        return Answer(kind=Exposure.VALUE, values=np.asarray(columns[value]).reshape(-1))
    return _read_classes(columns, found, spec)


def _confident(
    columns: dict[str, Column], found: dict[str, Role], labels: Labels | None, spec: ModelSpec
) -> Scores | None:
    """Scores that hold nothing but each label's probability; None where it is unknown how many classes there are."""
    name = next((n for n, r in found.items() if r is Role.CONFIDENCE), None)
    if name is None or labels is None or not spec.classes:
        return None
    scores = np.zeros((labels.size, len(spec.classes)))
    scores[np.arange(labels.size), labels] = np.asarray(columns[name]).reshape(-1)
    return scores


def _read_classes(columns: dict[str, Column], found: dict[str, Role], spec: ModelSpec) -> Answer:
    named = [read_labels(columns[n], spec) for n, r in found.items() if r is Role.LABELS]
    labels = named[0] if named else None
    scores, kind = None, Exposure.LABEL
    carrier = next((n for n, r in found.items() if r in _SCORES), None)
    if carrier is not None:
        scores, kind = _scores(found[carrier], columns[carrier], spec)
        if scores is None and labels is None:
            labels = read_labels(columns[carrier], spec)
    elif Role.CONFIDENCE in found.values():
        scores, kind = _confident(columns, found, labels, spec), Exposure.TOP_K
    if Role.EXTRA in found.values() and kind is not Exposure.LOGITS:
        kind, scores = Exposure.LOGITS, None if scores is None else np.log(np.maximum(scores, _FAINTEST))
    return Answer(kind=kind, scores=scores, labels=labels)
