"""Open Inference Protocol v2 over REST: KServe, Triton, MLServer, Seldon.

Source: kserve/open-inference-protocol, inference_rest.md; Triton's classification and binary data extensions.
"""

# ruff: noqa: ARG002  every family takes the arguments of base.Protocol

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from wellhead.core.errors import ProtocolError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols import outputs, quick_tensors, rewrite
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
)
from wellhead.protocols.tensors import Tensor, columns_of, input_of, inputs_of, output, plain, tensor_of

_PATH = re.compile(r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?/infer")
_MODEL_PATH = re.compile(r"/v2/models/([^/]+)")
_BINARY = ("binary_data_output", "binary_data", "binary_data_size")
_ENCODE = msgspec.json.Encoder().encode


class Wanted(msgspec.Struct):
    """One entry of a request's `outputs`."""

    name: str
    parameters: dict[str, Any] | UnsetType = UNSET


class Request(msgspec.Struct):
    """An inference request."""

    inputs: list[Tensor]
    outputs: list[Wanted] | UnsetType = UNSET
    id: str | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET


class Response(msgspec.Struct):
    """An inference response."""

    outputs: list[Tensor]


_request = msgspec.json.Decoder(Request).decode
_response = msgspec.json.Decoder(Response).decode


class OpenInference:
    """Open Inference Protocol v2 over REST."""

    name = "open_inference"
    content_types = (JSON,)
    reply_type = JSON
    probes = ("/v2", "/v2/models", "/v2/models/{model}")

    def match(self, method: str, path: str) -> Called | None:
        """The model and version of POST /v2/models/{m}[/versions/{v}]/infer."""
        return named(_PATH, method, path)

    @reads_query
    def read_query(self, body: bytes, content_type: str, spec: ModelSpec) -> Query:
        """The query in a request; see base.Protocol."""
        media(content_type, self.content_types)
        usual = quick_tensors.inputs(body)
        if usual is not None:
            return Query(spec.name, usual, usual.shape[0], most(spec))
        request = _request(body)
        check_keys(body, _keys(request))
        if not request.inputs:
            raise ProtocolError("expected at least one input tensor, got none")
        inputs = inputs_of(request.inputs)
        return Query(spec.name, inputs, len(inputs), _asked(request.outputs or (), spec))

    def write_query(self, query: Query, spec: ModelSpec) -> tuple[str, str, bytes]:
        """Path, content type and body that ask the query."""
        body: dict[str, Any] = {"inputs": [input_of(query.inputs)]}
        wanted = {
            Exposure.LABEL: {"name": "predict"},
            Exposure.TOP_K: {"name": "probabilities", "parameters": {"classification": 3}},
            Exposure.LOGITS: {"name": "logits"},
        }.get(query.asked)
        if wanted:
            body["outputs"] = [wanted]
        return f"/v2/models/{query.model}/infer", JSON, _ENCODE(body)

    @reads_query
    def clamp(self, body: bytes, query: Query, allowed: Exposure) -> bytes:
        """Cut binary tensors always, and outputs that give more than `allowed`."""
        if query.asked <= allowed and b"binary_data" not in body and b"\\" not in body:
            return body
        tree = decoded(body)
        changed = _cut_binary(tree)
        if query.asked > allowed and tree.get("outputs"):
            changed |= _cut_outputs(tree, allowed)
        return _ENCODE(tree) if changed else body

    @reads_answer
    def read_answer(self, body: bytes, content_type: str, query: Query, spec: ModelSpec) -> Answer:
        """The answer in a response; see base.Protocol."""
        if content_type != JSON:
            json_answer(content_type)
        usual = quick_tensors.answer(body, query.rows, spec)
        if usual is not None:
            return usual
        tensors = _response(body).outputs
        return outputs.read(columns_of(tensors), query.rows, spec)

    @reads_answer
    def write_answer(self, body: bytes, content_type: str, answer: Answer, spec: ModelSpec) -> bytes:
        """The response with the shaped answer in it; see base.Protocol."""
        usual = quick_tensors.written(body, answer, spec)
        if usual is not None:
            return usual
        tree = msgspec.json.decode(body, type=dict[str, Any])
        tensors = _response(body).outputs
        kept = rewrite.write(columns_of(tensors), answer, spec)
        written = [output(t, kept[t.name]) for t in tensors if t.name in kept]
        return _ENCODE({**plain(tree, ("id", "model_name")), "outputs": written})

    def write_reply(self, answer: Answer, query: Query, spec: ModelSpec) -> bytes:
        """The body of a model server's answer; labels alone where the query asks for no more."""
        return _ENCODE({"model_name": query.model, "outputs": list(_reply(answer, query))})

    def recognise(self, path: str, status: int, body: bytes) -> dict[str, Any] | None:
        """Server metadata at /v2, model metadata at /v2/models/{m}."""
        if status != 200:
            return None
        try:
            tree = msgspec.json.decode(body)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None
        return _metadata(path, tree)


def _keys(request: Request) -> int:
    """Keys of a request without parameters or selected outputs; others are looked at slowly."""
    plain = request.outputs is UNSET and request.parameters is UNSET
    if not plain or any(t.parameters is not UNSET for t in request.inputs):
        return -1
    return 1 + (request.id is not UNSET) + 4 * len(request.inputs)


def _asked_of(wanted: Wanted, spec: ModelSpec) -> Exposure:
    if isinstance(wanted.parameters, dict) and wanted.parameters.get("classification"):
        return Exposure.TOP_K
    name = wanted.name.lower()
    if outputs.hides_more(name):
        return Exposure.LOGITS
    return Exposure.LABEL if name in outputs.LABEL_NAMES else most(spec)


def _asked(wanted: Any, spec: ModelSpec) -> Exposure:
    """The most that the selected outputs give; all there is where none are selected."""
    if spec.task == "regressor" or not wanted:
        return most(spec)
    return max(_asked_of(w, spec) for w in wanted)


def _cut_binary(tree: dict[str, Any]) -> bool:
    """Drop every wish for tensors behind the JSON, which no JSON filter would see."""
    changed = False
    for place in (tree, *(tree.get("outputs") or ())):
        parameters = place.get("parameters")
        if isinstance(parameters, dict):
            kept = {k: v for k, v in parameters.items() if k not in _BINARY and not k.startswith("shared_memory")}
            changed |= len(kept) != len(parameters)
            place["parameters"] = kept
    return changed


def _cut_outputs(tree: dict[str, Any], allowed: Exposure) -> bool:
    """Ask for labels instead of scores, and for nothing that hides more than scores."""
    before = tree["outputs"]
    if allowed <= Exposure.LABEL:
        labels = [w for w in before if w["name"].lower() in outputs.LABEL_NAMES]
        ranked = [{**w, "parameters": {**w["parameters"], "classification": 1}} for w in before if _classifies(w)]
        tree["outputs"] = labels or ranked or [{"name": "predict"}]
    elif allowed < Exposure.LOGITS:
        tree["outputs"] = [w for w in before if not outputs.hides_more(w["name"])]
        if not tree["outputs"]:
            del tree["outputs"]
    return bool(tree.get("outputs") != before)


def _classifies(wanted: dict[str, Any]) -> bool:
    parameters = wanted.get("parameters")
    return isinstance(parameters, dict) and bool(parameters.get("classification"))


def _reply(answer: Answer, query: Query) -> Any:
    top = answer.top1
    labels_only = query.asked is Exposure.LABEL and top is not None
    if answer.values is not None:
        yield tensor_of("values", answer.values, "FP64")
    elif labels_only or answer.scores is None:
        yield tensor_of("predict", np.asarray(top), "INT64")
    else:
        if answer.labels is not None:
            yield tensor_of("predict", answer.labels, "INT64")
        yield tensor_of("logits" if answer.kind is Exposure.LOGITS else "probabilities", answer.scores, "FP64")


def _metadata(path: str, tree: Any) -> dict[str, Any] | None:
    if not isinstance(tree, dict):
        return None
    if path == "/v2/models" and isinstance(tree.get("models"), list):
        return {"models": [m for m in tree["models"] if isinstance(m, str)]}
    if not isinstance(tree.get("name"), str):
        return None
    if _MODEL_PATH.fullmatch(path) is None:
        return {} if path == "/v2" else None
    return {"name": tree["name"], **_tensors(tree)}


def _tensors(tree: dict[str, Any]) -> dict[str, Any]:
    """Shape and datatype of a model's first input; classifier where an output looks like one."""
    inputs, given = tree.get("inputs"), tree.get("outputs")
    facts: dict[str, Any] = {}
    if isinstance(inputs, list) and inputs and isinstance(inputs[0], dict):
        facts = {key: inputs[0].get(key) for key in ("shape", "datatype")}
    if isinstance(given, list) and any(isinstance(o, dict) and _is_scores(o) for o in given):
        facts["task"] = "classifier"
    return facts


def _is_scores(tensor: dict[str, Any]) -> bool:
    """True for an output with several numbers a row, or with a classifier's name."""
    shape, name = tensor.get("shape"), str(tensor.get("name", "")).lower()
    several = isinstance(shape, list) and len(shape) == 2 and isinstance(shape[1], int) and shape[1] > 1
    return several or name in outputs.LABEL_NAMES or name in outputs.SCORE_NAMES
