"""The usual message of the Open Inference Protocol: one tensor of numbers, flat or in rows; see `quick`."""

from __future__ import annotations

import math
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from wellhead.core.arrays import Flat
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.protocols import quick
from wellhead.protocols.numbers import DEEPEST
from wellhead.protocols.tensors import NUMERIC, plain

Data = TypeVar("Data")

_KEYS = 5
"""Keys of a request with one tensor: `inputs`, and the tensor's four."""
_ENCODE = msgspec.json.Encoder().encode


class Tensor(msgspec.Struct, Generic[Data]):
    """A tensor whose numbers are decoded at once."""

    name: str
    shape: list[int]
    datatype: str
    data: Data
    parameters: dict[str, Any] | UnsetType = UNSET


class Request(msgspec.Struct, Generic[Data]):
    """An inference request that selects nothing."""

    inputs: list[Tensor[Data]]
    id: str | UnsetType = UNSET


class Response(msgspec.Struct, Generic[Data]):
    """An inference response, with what a rewritten one keeps of it."""

    outputs: list[Tensor[Data]]
    id: Any = None
    model_name: Any = None
    parameters: Any = None


_request = quick.decoder(Request[list[float]], Request[quick.Rows])
_response = quick.decoder(Response[list[float]], Response[quick.Rows])


def inputs(body: bytes) -> Flat | None:
    """The inputs in a usual request."""
    # As many colons as keys: there is no other key, and none comes twice.
    more = body.count(b":") - _KEYS
    if not 0 <= more <= 1:
        return None
    request = _request(body)
    if request is None or more != (request.id is not UNSET):
        return None
    found = _only(request.inputs)
    if found is None:
        return None
    numbers, shape = found
    return quick.inputs(numbers, shape if len(shape) > 1 else (*shape, 1))


def answer(body: bytes, rows: int, spec: ModelSpec) -> Answer | None:
    """The answer in a usual response: one output, of probabilities."""
    response = _response(body)
    return None if response is None else _answer(response.outputs, rows, spec)


def written(body: bytes, shaped: Answer, spec: ModelSpec) -> bytes | None:
    """The usual response, flat, with other probabilities in it."""
    scores = shaped.flat
    if scores is None or shaped.kind is not Exposure.PROBABILITIES:
        return None
    response = _response(body)
    if response is None or _answer(response.outputs, scores.shape[0], spec) is None:
        return None
    only = response.outputs[0]
    if tuple(only.shape) != scores.shape or only.datatype not in ("FP32", "FP64"):
        return None
    tensor = {"name": only.name, "shape": only.shape, "datatype": only.datatype}
    tensor |= plain({"parameters": only.parameters}, ())
    kept = {"id": response.id, "model_name": response.model_name, "parameters": response.parameters}
    return _ENCODE({**plain(kept, ("id", "model_name")), "outputs": [tensor | {"data": scores.numbers}]})


def _answer(outputs: list[Tensor[Any]], rows: int, spec: ModelSpec) -> Answer | None:
    found = _only(outputs)
    if found is None or found[1][0] != rows:
        return None
    return quick.probabilities(outputs[0].name, *found, spec)


def _only(tensors: list[Tensor[Any]]) -> tuple[list[float], tuple[int, ...]] | None:
    """The numbers and the shape of the only tensor; None for anything that wants a closer look."""
    if len(tensors) != 1:
        return None
    tensor = tensors[0]
    shape, data = tuple(tensor.shape), tensor.data
    if tensor.datatype not in NUMERIC or not 1 <= len(shape) <= DEEPEST or min(shape) < 1:
        return None
    if not data or not isinstance(data[0], list):
        return (data, shape) if len(data) == math.prod(shape) else None
    found: tuple[list[float], tuple[int, int]] | None = quick.joined(data)
    return found if found is not None and found[1] == shape else None
