"""Tensors of the Open Inference Protocol: shape and data must agree, and everything must lie in the JSON body."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import BadAnswer, ProtocolError
from wellhead.protocols.numbers import DEEPEST, depth, double, numbers_of, rows_of, single, table, texts_of
from wellhead.protocols.outputs import Column, Ranked

_RANKED = re.compile(r"([-+0-9.eE]+):(\d{1,6})(?::(.*))?", re.DOTALL)
NUMERIC = frozenset(
    ("FP16", "BF16", "FP32", "FP64", "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
)


class Tensor(msgspec.Struct):
    """One input or output on the wire."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw
    parameters: dict[str, Any] | UnsetType = UNSET


def _checked(tensor: Tensor) -> tuple[int, int]:
    """Elements that the shape promises, and how deep the data is nested; raises ProtocolError."""
    shape = tensor.shape
    if not 1 <= len(shape) <= DEEPEST or min(shape) < 1:
        raise ProtocolError(
            f"expected 1 to {DEEPEST} dimensions of at least 1 in {tensor.name[:40]!r}, got {str(shape)[:60]}"
        )
    levels = depth(tensor.data)
    if levels == 0:
        raise ProtocolError(f"expected an array as data of {tensor.name[:40]!r}")
    return math.prod(shape), levels


def _mismatch(tensor: Tensor, got: object) -> ProtocolError:
    expected = f"{math.prod(tensor.shape)} elements of shape {tensor.shape}"
    return ProtocolError(f"expected {expected} in {tensor.name[:40]!r}, got {got}")


def _flattened(nested: Any, levels: int) -> list[Any]:
    for _ in range(levels - 1):
        nested = [x for row in nested for x in row]
    return list(nested)


def _texts(tensor: Tensor) -> list[str]:
    size, levels = _checked(tensor)
    flat = _flattened(texts_of(tensor.data, levels), levels)
    if len(flat) != size:
        raise _mismatch(tensor, f"{len(flat)} elements")
    return flat


def _fits(tensor: Tensor, array: Array, levels: int) -> Array:
    shape = tuple(tensor.shape)
    if array.size != math.prod(shape) or (levels > 1 and array.shape != shape):
        raise _mismatch(
            tensor, f"{array.size} of shape {list(array.shape)}" if levels > 1 else f"{array.size} elements"
        )
    return array.reshape(shape)


def _numeric(tensor: Tensor) -> bool:
    if tensor.datatype == "BYTES":
        return False
    if tensor.datatype not in NUMERIC:
        raise ProtocolError(f"expected a datatype such as FP32, INT64, BOOL or BYTES, got {tensor.datatype[:40]!r}")
    return True


def _numbers(tensor: Tensor) -> Array:
    """(n, ...) float32 of a numeric input."""
    _, levels = _checked(tensor)
    nested = numbers_of(tensor.data, levels)
    return _fits(tensor, single(nested) if levels == 1 else rows_of(nested), levels)


def inputs_of(tensors: list[Tensor]) -> Inputs:
    for tensor in tensors:
        if tensor.parameters is not UNSET and _apart(tensor.parameters):
            raise ProtocolError(
                f"expected the data of {tensor.name[:40]!r} in the JSON body, got a reference to elsewhere"
            )
    if len(tensors) == 1 and _numeric(tensors[0]):
        only = _numbers(tensors[0])
        return only if only.ndim > 1 else only.reshape(-1, 1)
    columns: dict[str, Any] = {}
    for tensor in tensors:
        if tensor.name in columns:
            raise ProtocolError(f"expected each input once, got {tensor.name[:40]!r} twice")
        columns.update({tensor.name: _numbers(tensor)} if _numeric(tensor) else _text_columns(tensor))
    return table(columns)


def _text_columns(tensor: Tensor) -> dict[str, list[str]]:
    """One column of texts, or several where the shape has a second dimension above 1."""
    flat, rows = _texts(tensor), tensor.shape[0]
    width = len(flat) // rows
    if width == 1:
        return {tensor.name: flat}
    return {f"{tensor.name}\x00{i}": flat[i::width] for i in range(width)}


def _apart(parameters: dict[str, Any]) -> bool:
    return any(key == "binary_data_size" or key.startswith("shared_memory") for key in parameters)


def _double(nested: Any, levels: int) -> Array:
    # JSON numbers are finite once decoded, and flat ones cannot be ragged.
    return np.array(nested, dtype=np.float64) if levels == 1 else double(nested)


def columns_of(tensors: list[Tensor]) -> dict[str, Column]:
    """Outputs by name; raises ProtocolError where one comes twice or its data lie elsewhere."""
    columns: dict[str, Column] = {}
    for tensor in tensors:
        if tensor.name in columns:
            raise ProtocolError(f"expected each output once, got {tensor.name[:40]!r} twice")
        if _numeric(tensor):
            _, levels = _checked(tensor)
            columns[tensor.name] = _fits(tensor, _double(numbers_of(tensor.data, levels), levels), levels)
        else:
            columns[tensor.name] = _text_output(tensor)
    return columns


def _text_output(tensor: Tensor) -> Column:
    flat, rows = _texts(tensor), tensor.shape[0]
    parsed = [_RANKED.fullmatch(text) for text in flat]
    found = [m for m in parsed if m is not None]
    if len(found) == len(flat):
        names = [m[3] or "" for m in found]
        width = len(flat) // rows
        values = double([float(m[1]) for m in found]).reshape(rows, width)
        index = np.array([int(m[2]) for m in found], dtype=np.int64).reshape(rows, width)
        grouped = tuple(tuple(names[i * width : (i + 1) * width]) for i in range(rows))
        return Ranked(values, index, grouped)
    if len(flat) != rows:
        raise BadAnswer(f"expected one text a row in {tensor.name[:40]!r}, got {len(flat)} for {rows}")
    return flat


def plain(tree: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """What a rewritten answer keeps beside its outputs: nothing that could carry scores or a version."""
    kept = {k: tree[k] for k in keys if isinstance(tree.get(k), str)}
    parameters = tree.get("parameters")
    content = parameters.get("content_type") if isinstance(parameters, dict) else None
    return {**kept, "parameters": {"content_type": content}} if isinstance(content, str) else kept


def output(tensor: Tensor, column: Column) -> dict[str, Any]:
    """A tensor with new data, in its own datatype and flat order."""
    head: dict[str, Any] = {"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype}
    if isinstance(tensor.parameters, dict):
        head |= plain({"parameters": tensor.parameters}, ())
    if isinstance(column, Ranked):
        head["shape"] = [*tensor.shape[:-1], column.values.shape[1]] if len(tensor.shape) > 1 else tensor.shape
        return head | {"data": _ranked_texts(column)}
    if isinstance(column, list):
        return head | {"data": column}
    flat = column.reshape(-1)
    whole = tensor.datatype[0] in "IU" and bool((flat == np.rint(flat)).all())
    if tensor.datatype == "BOOL":
        return head | {"data": (flat > 0.5).tolist()}
    # Scores that no longer fit a whole-number type are named as what they are.
    return head | ({"data": flat.astype(np.int64).tolist()} if whole else _floating(tensor.datatype, flat))


def _floating(datatype: str, flat: Array) -> dict[str, Any]:
    return {"datatype": datatype if datatype[0] in "FB" else "FP64", "data": flat.tolist()}


def _ranked_texts(column: Ranked) -> list[str]:
    names = [name for row in column.names for name in row] or [""] * column.values.size
    scored = zip(column.values.reshape(-1).tolist(), column.index.reshape(-1).tolist(), names, strict=True)
    return [f"{value:.6g}:{index}:{name}" if name else f"{value:.6g}:{index}" for value, index, name in scored]


def input_of(inputs: Inputs) -> dict[str, Any]:
    if isinstance(inputs, list):
        return {"name": "text", "shape": [len(inputs)], "datatype": "BYTES", "data": inputs}
    datatype = "FP64" if inputs.dtype == np.float64 else "FP32"
    return {"name": "x", "shape": list(inputs.shape), "datatype": datatype, "data": inputs.reshape(-1).tolist()}


def tensor_of(name: str, array: Array, datatype: str) -> dict[str, Any]:
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": array.reshape(-1).tolist()}
