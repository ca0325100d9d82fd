"""Predictions in plain JSON, by row or by column, as columns and back; and tables as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import BadAnswer, ProtocolError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols import outputs
from wellhead.protocols.base import VERSION_FIELDS
from wellhead.protocols.numbers import double, rows_of, table
from wellhead.protocols.outputs import Column, Ranked

_NAMED = outputs.LABEL_NAMES | outputs.SCORE_NAMES


def columns_of(node: Any, spec: ModelSpec) -> dict[str, Column]:
    """The columns of predictions: a list of rows (numbers, texts, lists, objects) or an object of lists."""
    if isinstance(node, dict):
        return {k: _column(_listed(v), spec) for k, v in node.items() if k not in VERSION_FIELDS}
    rows = _listed(node)
    if not isinstance(rows[0], dict) or _maps_labels(rows[0], spec):
        return {"": _column(rows, spec)}
    keys = rows[0].keys()
    if any(not isinstance(row, dict) or row.keys() != keys for row in rows):
        raise BadAnswer("expected every prediction to have the same keys, got others")
    return {k: _column([row[k] for row in rows], spec) for k in keys if k not in VERSION_FIELDS}


def rewritten(node: Any, columns: dict[str, Column]) -> Any:
    """The predictions in their own form with these columns; keys without a column are dropped."""
    if isinstance(node, dict):
        return {k: _cells(node[k], column) for k, column in columns.items()}
    if "" in columns:
        return _cells(node, columns[""])
    cells = {k: _cells([row[k] for row in node], column) for k, column in columns.items()}
    return [{k: cells[k][i] for k in row if k in cells} for i, row in enumerate(node)]


def wrapped(node: Any, rows: int, spec: ModelSpec) -> tuple[Any, bool]:
    """The predictions as a list of rows, and whether a single row came bare (an object, a number, a score vector)."""
    if isinstance(node, list):
        bare = rows == 1 and len(node) > 1 and not isinstance(node[0], list | dict)
        return ([node], True) if bare else (node, False)
    if isinstance(node, dict) and not _maps_labels(node, spec):
        columnar = bool(node) and all(isinstance(v, list) and len(v) == rows for v in node.values())
        return (node, False) if columnar and rows > 1 else ([node], True)
    return [node], True


def _listed(node: Any) -> list[Any]:
    if not isinstance(node, list) or not node:
        raise BadAnswer(f"expected a list of predictions, got {type(node).__name__ if node else 'nothing'}")
    return node


def _maps_labels(row: Any, spec: ModelSpec) -> bool:
    """True for {label: score}: numbers under names that are not an output's."""
    if spec.task != "classifier" or not isinstance(row, dict) or not row:
        return False
    if any(k.lower() in _NAMED or k in VERSION_FIELDS for k in row) and not all(k in spec.classes for k in row):
        return False
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in row.values())
    return numbers and (len(row) > 1 or next(iter(row)) in spec.classes)


def _is_pairs(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], list) and _is_pair(value[0])


def _is_pair(value: list[Any]) -> bool:
    return len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int | float)


def _column(values: list[Any], spec: ModelSpec) -> Column:
    head = values[0]
    if isinstance(head, str):
        if not all(isinstance(v, str) for v in values):
            raise BadAnswer("expected labels that are all text, got a mix")
        return values
    if isinstance(head, dict):
        return _ranked([list(v.items()) if isinstance(v, dict) else [] for v in values], spec)
    if _is_pairs(head):
        return _ranked(values, spec)
    _only_numbers(values)
    return double(values)


def _only_numbers(values: list[Any]) -> None:
    # numpy would read the text "1" as a number and null as NaN
    for value in values:
        if isinstance(value, list):
            _only_numbers(value)
        elif not isinstance(value, int | float):
            raise BadAnswer(f"expected numbers among the predictions, got {type(value).__name__}")


def _ranked(rows: list[Any], spec: ModelSpec) -> Ranked:
    """Ranked scores from rows of (label, score) pairs, each row as long as the first and best first."""
    if not rows[0] or not all(_is_ranking(row, len(rows[0])) for row in rows):
        raise BadAnswer("expected the same number of labelled scores in each row, got others")
    pairs = [sorted(row, key=lambda p: -_score(p[1])) for row in rows]
    values = double([[_score(score) for _, score in row] for row in pairs])
    index = np.array([[outputs.class_index(str(label), spec) for label, _ in row] for row in pairs], dtype=np.int64)
    if any(len(set(row)) != len(row) for row in index.tolist()):
        raise BadAnswer("expected each label once in a row, got one twice")
    return Ranked(values, index, tuple(tuple(str(label) for label, _ in row) for row in pairs))


def _is_ranking(row: Any, length: int) -> bool:
    return (
        isinstance(row, list) and len(row) == length and all(isinstance(p, list | tuple) and len(p) == 2 for p in row)
    )


def _score(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadAnswer(f"expected a number as score of a label, got {type(value).__name__}")
    return float(value)


def _cells(old: list[Any], column: Column) -> list[Any]:
    if isinstance(column, list):
        return column
    if isinstance(column, Ranked):
        return [
            _pairs(o, row, values) for o, row, values in zip(old, column.names, column.values.tolist(), strict=True)
        ]
    new: list[Any] = column.tolist()
    if all(isinstance(v, int) for v in old):
        return [_whole(o, v) for o, v in zip(old, new, strict=True)]
    return new


def _whole(old: Any, value: float) -> Any:
    if isinstance(old, bool):
        return value > 0.5
    return int(value) if value.is_integer() else value


def _pairs(old: Any, names: tuple[str, ...], values: list[float]) -> Any:
    paired = zip(names, values, strict=True)
    return dict(paired) if isinstance(old, dict) else [list(p) for p in paired]


def reply_of(answer: Answer, query: Query) -> list[Any]:
    """The rows by which a server gives the answer: values, labels, scores, or objects of labels and scores."""
    if answer.values is not None:
        return list(answer.values.tolist())
    top = answer.top1
    labels = [] if top is None else top.tolist()
    if answer.scores is None or query.asked is Exposure.LABEL:
        return list(labels)
    scores = answer.scores.tolist()
    if answer.labels is None:
        return list(scores)
    return [{"predicted_label": t, "score": s} for t, s in zip(labels, scores, strict=True)]


def rows_in(inputs: Inputs) -> list[Any]:
    """Inputs as JSON rows."""
    return inputs if isinstance(inputs, list) else list(inputs.tolist())


def csv_table(body: bytes, header: bool) -> Inputs:
    """The rows of CSV text; columns with a cell that is no number are texts. Raises ProtocolError for ragged rows."""
    try:
        lines = [line for line in csv.reader(io.StringIO(body.decode("utf-8")), strict=True) if line]
    except csv.Error as e:
        raise ProtocolError(f"expected CSV, got: {e}") from e
    names = lines.pop(0) if header and lines else [str(i) for i in range(len(lines[0]) if lines else 0)]
    if not lines or any(len(line) != len(names) for line in lines):
        raise ProtocolError(f"expected at least one row of {len(names) or 'some'} cells each, got none or ragged rows")
    if len(set(names)) != len(names):
        raise ProtocolError("expected each CSV column name once, got one twice")
    columns = dict(zip(names, (list(cells) for cells in zip(*lines, strict=True)), strict=True))
    parsed = {name: _csv_numbers(cells) for name, cells in columns.items()}
    if all(isinstance(cells, np.ndarray) for cells in parsed.values()):
        width = len(parsed)
        return np.asarray(table(dict(parsed))).reshape(-1, width)
    return table(parsed)


def _csv_numbers(cells: list[str]) -> Array | list[str]:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return cells
    return rows_of(numbers)
