"""Inputs from files: pools, judges, members, with their labels where there are any."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.core.errors import ConfigError

_KINDS = (".npy", ".npz", ".csv", ".txt")
_INPUTS = ("inputs", "x", "X", "data", "features")
_LABELS = ("labels", "y", "Y", "label", "target", "class", "targets", "classes")


class Table(NamedTuple):
    """Inputs, (n, ...) float32 or n texts, and their labels (n,), None where the file has none."""

    inputs: Inputs
    labels: Labels | None = None


def read_table(file: Path, labelled: bool = False) -> Table:
    """The inputs in a .npy, .npz (`inputs`, `labels`), .csv or .txt file (one text a line).

    A CSV's last column is the label where `labelled`, or where its header says so. Raises ConfigError naming the
    file where it cannot be read, or labels are wanted and it has none.
    """
    if file.suffix not in _KINDS:
        raise ConfigError(f"expected a {', '.join(_KINDS)} file, got {file}")
    try:
        table = {".npy": _npy, ".npz": _npz, ".txt": _txt}[file.suffix](file) if file.suffix != ".csv" else None
        table = _csv(file, labelled) if table is None else table
    except (OSError, ValueError, KeyError, UnicodeDecodeError) as e:
        raise ConfigError(f"expected inputs in {file}, got: {e}", f"give a {', '.join(_KINDS)} file") from e
    return _checked(file, table, labelled)


def _checked(file: Path, table: Table, labelled: bool) -> Table:
    inputs, labels = table
    if not len(inputs):
        raise ConfigError(f"expected one input or more in {file}, got none")
    if not isinstance(inputs, list) and (inputs.ndim < 2 or not inputs.size or np.isinf(inputs).any()):
        raise ConfigError(f"expected finite numbers of shape (n, ...) in {file}, got shape {inputs.shape}")
    if labels is not None and len(labels) != len(inputs):
        raise ConfigError(f"expected as many labels as inputs in {file}, got {len(labels)} for {len(inputs)}")
    if labelled and labels is None:
        raise ConfigError(f"expected labels in {file}, got none", "give .npz with inputs and labels, or .csv")
    return table


def _single(table: Any) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(table, np.float32)


def _labels(column: Any) -> Labels:
    """Class indices; raises ValueError for anything but whole numbers from 0."""
    values = np.asarray(column, np.float64).reshape(-1)
    if not (np.isfinite(values).all() and (values == np.rint(values)).all() and (values >= 0).all()):
        raise ValueError("labels that are no class indices 0, 1, ...")
    return values.astype(np.int64)


def _npy(file: Path) -> Table:
    with file.open("rb") as held:
        return Table(_single(np.lib.format.read_array(held, allow_pickle=False)))


def _npz(file: Path) -> Table:
    with np.load(file, allow_pickle=False) as held:
        names = {kind: next((n for n in words if n in held), "") for kind, words in _WORDS.items()}
        if not names["inputs"]:
            raise ValueError(f"no array named {_INPUTS[0]} but {', '.join(held)}")
        told = held[names["inputs"]]
        inputs = [str(text) for text in told] if told.dtype.kind == "U" else _single(told)
        return Table(inputs, _labels(held[names["labels"]]) if names["labels"] else None)


_WORDS = {"inputs": _INPUTS, "labels": _LABELS}


def _txt(file: Path) -> Table:
    return Table([line for line in file.read_text(encoding="utf-8").splitlines() if line])


def _csv(file: Path, labelled: bool) -> Table:
    text = file.read_text(encoding="utf-8-sig").splitlines()
    lines = [(number, line.split(",")) for number, line in enumerate(text, 1) if line.strip()]
    header = lines[0][1] if lines and not _is_numbers(lines[0][1]) else []
    rows = lines[1:] if header else lines
    if not rows:
        return Table(np.zeros((0, 0), np.float32))
    for number, cells in rows:
        if len(cells) != len(rows[0][1]):
            raise ValueError(f"{len(cells)} cells in line {number}, where the first row has {len(rows[0][1])}")
    table = np.array([[_cell(number, at, cell) for at, cell in enumerate(cells, 1)] for number, cells in rows])
    named = bool(header) and header[-1].strip().strip('"').lower() in _LABELS
    if (labelled or named) and table.shape[1] > 1:
        return Table(_single(table[:, :-1]), _labels(table[:, -1]))
    return Table(_single(table))


def _cell(number: int, column: int, cell: str) -> float:
    """A number; an empty cell is a missing feature."""
    try:
        return float(cell) if cell.strip() else np.nan
    except ValueError as e:
        raise ValueError(f"{cell.strip()[:40]!r}, which is no number, in line {number}, column {column}") from e


def _is_numbers(cells: list[str]) -> bool:
    try:
        [float(cell) for cell in cells if cell.strip()]
    except ValueError:
        return False
    return True
