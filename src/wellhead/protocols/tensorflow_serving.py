"""TensorFlow Serving and KServe v1 over REST: rows as `instances`, columns as `inputs`, and :classify, :regress.

Source: tensorflow/serving, g3doc/api_rest.md; KServe data plane v1.
"""

# ruff: noqa: ARG002  every family takes the arguments of base.Protocol

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from wellhead.core.arrays import Flat, Inputs
from wellhead.core.errors import BadAnswer, ProtocolError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols import outputs, quick, rewrite
from wellhead.protocols.base import (
    JSON,
    Called,
    check_keys,
    decoded,
    json_answer,
    media,
    most,
    named,
    reads_answer,
    reads_query,
    tree_of,
)
from wellhead.protocols.numbers import depth, first, instances, records, table
from wellhead.protocols.trees import columns_of, reply_of, rewritten, rows_in

_PATH = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>[^/:]+)|/(?P<label>labels/[^/:]+))?"
    r":(?:predict|classify|regress)"
)
_CARRIERS = ("predictions", "outputs", "result")
_ENCODE = msgspec.json.Encoder().encode


class Request(msgspec.Struct):
    """A predict, classify or regress request: exactly one of the three carriers."""

    instances: msgspec.Raw | UnsetType = UNSET
    inputs: msgspec.Raw | UnsetType = UNSET
    examples: msgspec.Raw | UnsetType = UNSET
    signature_name: str | UnsetType = UNSET


class Instances(msgspec.Struct):
    """The usual request: rows of numbers."""

    instances: quick.Rows


class Predictions(msgspec.Struct):
    """The usual response: rows of scores."""

    predictions: quick.Rows


_request = msgspec.json.Decoder(Request).decode
_instances, _predictions = quick.decoder(Instances), quick.decoder(Predictions)


def columnar(raw: bytes | msgspec.Raw) -> Inputs:
    """Inputs given as an object of columns, or as one array of rows."""
    if depth(raw) == 0 and first(raw) == b"{":
        named_columns = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        return table({name: instances(column)[0] for name, column in named_columns.items()})
    return instances(raw)[0]


class TensorFlowServing:
    """TensorFlow Serving and KServe v1 over REST."""

    name = "tensorflow_serving"
    content_types = (JSON,)
    reply_type = JSON
    probes = ("/v1/models", "/v1/models/{model}", "/v1/models/{model}/metadata")

    def match(self, method: str, path: str) -> Called | None:
        """The model and version of POST /v1/models/{m}[/versions/{v}|/labels/{l}]:predict|classify|regress."""
        return named(_PATH, method, path)

    @reads_query
    def read_query(self, body: bytes, content_type: str, spec: ModelSpec) -> Query:
        """The query in a request; see base.Protocol."""
        media(content_type, self.content_types)
        usual = _quick_inputs(body)
        if usual is not None:
            return Query(spec.name, usual, usual.shape[0], most(spec))
        request = _request(body)
        inputs, keys = _inputs(request)
        check_keys(body, keys + (request.signature_name is not UNSET) if keys else -1)
        return Query(spec.name, inputs, len(inputs), _asked(request.signature_name, spec))

    def write_query(self, query: Query, spec: ModelSpec) -> tuple[str, str, bytes]:
        """Path, content type and body that ask the query."""
        return f"/v1/models/{query.model}:predict", JSON, _ENCODE({"instances": rows_in(query.inputs)})

    @reads_query
    def clamp(self, body: bytes, query: Query, allowed: Exposure) -> bytes:
        """Cut a signature that picks another head of the model."""
        if query.asked <= allowed:
            return body
        tree = decoded(body)
        return body if tree.pop("signature_name", None) is None else _ENCODE(tree)

    @reads_answer
    def read_answer(self, body: bytes, content_type: str, query: Query, spec: ModelSpec) -> Answer:
        """The answer in a response; see base.Protocol."""
        json_answer(content_type)
        usual = _quick_answer(body, query.rows, spec)
        if usual is not None:
            return usual
        tree = tree_of(body)
        return outputs.read(columns_of(tree[_carrier(tree)], spec), query.rows, spec)

    @reads_answer
    def write_answer(self, body: bytes, content_type: str, answer: Answer, spec: ModelSpec) -> bytes:
        """The response with the shaped answer in it; see base.Protocol."""
        tree = tree_of(body)
        carrier = _carrier(tree)
        kept = rewrite.write(columns_of(tree[carrier], spec), answer, spec)
        return _ENCODE({carrier: rewritten(tree[carrier], kept)})

    def write_reply(self, answer: Answer, query: Query, spec: ModelSpec) -> bytes:
        """The body of a model server's answer."""
        return _ENCODE({"predictions": reply_of(answer, query)})

    def recognise(self, path: str, status: int, body: bytes) -> dict[str, Any] | None:
        """KServe's list of models, TensorFlow Serving's status and metadata."""
        try:
            tree = tree_of(body)
        except (msgspec.MsgspecError, ProtocolError, RecursionError, ValueError):
            return None
        if status != 200 or not path.startswith("/v1/models"):
            return None
        models = tree.get("models")
        if path == "/v1/models" and isinstance(models, list):
            return {"models": [str(m) for m in models if isinstance(m, str)]}
        known = {"model_version_status", "model_spec", "ready"} & tree.keys()
        return _metadata(tree) if known else None


def _quick_inputs(body: bytes) -> Flat | None:
    """The inputs of a request that has no key but `instances`, and that once."""
    request = _instances(body) if body.count(b":") == 1 else None
    found = None if request is None else quick.joined(request.instances)
    return None if found is None else quick.inputs(*found)


def _quick_answer(body: bytes, rows: int, spec: ModelSpec) -> Answer | None:
    """The answer in a response that has no key but `predictions`."""
    response = _predictions(body) if body.count(b":") == 1 else None
    found = None if response is None else quick.joined(response.predictions)
    return None if found is None or found[1][0] != rows else quick.probabilities("", *found, spec)


def _inputs(request: Request) -> tuple[Inputs, int]:
    """The inputs, and how many keys the request has if that is known without a slow look, else 0."""
    carriers = [c for c in (request.instances, request.inputs, request.examples) if c is not UNSET]
    if len(carriers) != 1:
        raise ProtocolError(f"expected one of `instances`, `inputs`, `examples`, got {len(carriers)} of them")
    if request.instances is not UNSET:
        inputs, keys = instances(request.instances)
        return inputs, keys + 1
    if request.examples is not UNSET:
        return records(msgspec.json.decode(request.examples, type=list[dict[str, Any]])), 0
    return columnar(carriers[0]), 0


def _asked(signature: str | UnsetType, spec: ModelSpec) -> Exposure:
    """A signature other than the default may be a head that gives more than scores."""
    if spec.task == "regressor" or signature is UNSET or signature in ("serving_default", ""):
        return most(spec)
    return Exposure.LOGITS


def _carrier(tree: dict[str, Any]) -> str:
    found = [key for key in _CARRIERS if key in tree]
    if len(found) != 1:
        raise BadAnswer(
            f"expected one of {', '.join(_CARRIERS)}, got {', '.join(map(repr, list(tree)[:5])) or 'nothing'}"
        )
    return found[0]


def _metadata(tree: dict[str, Any]) -> dict[str, Any]:
    model = tree.get("model_spec")
    name = model.get("name") if isinstance(model, dict) else tree.get("name")
    return {"name": name} if isinstance(name, str) else {}
