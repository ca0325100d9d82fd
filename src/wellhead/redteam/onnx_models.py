"""ONNX files as targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.opened import Opened, brief

_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


def load(file: Path, runtime: Any) -> Opened:
    """A model with one input of numbers. Of its outputs the first with scores is told, else labels or values.

    runtime: the package `onnxruntime`. Raises ConfigError where the file is no such model.
    """
    try:
        session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    except Exception as e:  # the runtime's own errors
        raise ConfigError(f"expected an ONNX model in {file}, got: {brief(e)}") from e
    entries = session.get_inputs()
    if len(entries) != 1 or entries[0].type not in _TYPES:
        kinds = ", ".join(e.type for e in entries)
        raise ConfigError(
            f"expected one input of numbers in {file}, got {kinds}", "wrap it in a function: module:object"
        )
    entry = entries[0]
    shape = tuple(entry.shape[1:])

    def model(inputs: Inputs) -> Answer:
        table = np.ascontiguousarray(inputs, _TYPES[entry.type])
        if shape and all(isinstance(n, int) for n in shape):
            table = table.reshape(len(inputs), *shape)
        return answer_of(session.run(None, {entry.name: table}), len(inputs))

    known = shape if all(isinstance(n, int) for n in shape) else ()
    return Opened(model, shape=known, versions=(f"onnxruntime {runtime.__version__}",))


def answer_of(outputs: list[Any], rows: int) -> Answer:
    """The answer in a model's outputs: a table of scores, a list of {class: score}, labels, or values."""
    labels = None
    for told in outputs:
        if isinstance(told, list) and told and isinstance(told[0], dict):
            return Answer(Exposure.PROBABILITIES, scores=np.array([list(row.values()) for row in told], np.float64))
        table = np.asarray(told)
        if table.ndim == 2 and table.shape[1] > 1 and np.issubdtype(table.dtype, np.floating):
            return Answer(Exposure.PROBABILITIES, scores=table.astype(np.float64))
        if np.issubdtype(table.dtype, np.integer) and labels is None:
            labels = table.reshape(rows).astype(np.int64)
    if labels is not None:
        return Answer(Exposure.LABEL, labels=labels)
    return Answer(Exposure.VALUE, values=_numbers(outputs).reshape(rows))


def _numbers(outputs: list[Any]) -> Array:
    tables = [np.asarray(o) for o in outputs if not isinstance(o, list)]
    return next((t.astype(np.float64) for t in tables if np.issubdtype(t.dtype, np.floating)), np.zeros(0))
