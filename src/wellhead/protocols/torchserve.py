"""TorchServe: POST /predictions/{m} with JSON; answers are whatever the handler returns.

Source: pytorch/serve, docs/inference_api.md.
"""

# ruff: noqa: ARG002  every family takes the arguments of base.Protocol

from __future__ import annotations

import re
from typing import Any

import msgspec

from wellhead.core.arrays import Inputs
from wellhead.core.errors import ProtocolError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols import outputs, rewrite
from wellhead.protocols.base import (
    JSON,
    Called,
    check_keys,
    json_answer,
    media,
    most,
    named,
    reads_answer,
    reads_query,
    tree_of,
)
from wellhead.protocols.numbers import depth, first, instances
from wellhead.protocols.tensorflow_serving import columnar
from wellhead.protocols.trees import columns_of, reply_of, rewritten, rows_in, wrapped

_PATH = re.compile(r"/predictions/(?P<model>[^/]+)(?:/(?P<version>[^/]+))?")
_CARRIERS = ("instances", "data", "inputs", "input", "body")
_ENCODE = msgspec.json.Encoder().encode


class TorchServe:
    """TorchServe's inference API with JSON bodies."""

    name = "torchserve"
    content_types = (JSON,)
    reply_type = JSON
    probes = ("/ping",)

    def match(self, method: str, path: str) -> Called | None:
        """The model and version of POST /predictions/{m}[/{version}]; /explanations is none: it gives gradients."""
        return named(_PATH, method, path)

    @reads_query
    def read_query(self, body: bytes, content_type: str, spec: ModelSpec) -> Query:
        """The query in a request; see base.Protocol."""
        media(content_type, self.content_types)
        inputs = _inputs(body)
        check_keys(body, 0)
        return Query(spec.name, inputs, len(inputs), most(spec))

    def write_query(self, query: Query, spec: ModelSpec) -> tuple[str, str, bytes]:
        """Path, content type and body that ask the query."""
        return f"/predictions/{query.model}", JSON, _ENCODE({"instances": rows_in(query.inputs)})

    def clamp(self, body: bytes, query: Query, allowed: Exposure) -> bytes:
        """The body: a request has no say in what comes back."""
        return body

    @reads_answer
    def read_answer(self, body: bytes, content_type: str, query: Query, spec: ModelSpec) -> Answer:
        """The answer in a response; see base.Protocol."""
        json_answer(content_type)
        node, _ = wrapped(_predictions(body)[0], query.rows, spec)
        return outputs.read(columns_of(node, spec), query.rows, spec)

    @reads_answer
    def write_answer(self, body: bytes, content_type: str, answer: Answer, spec: ModelSpec) -> bytes:
        """The response with the shaped answer in it; see base.Protocol."""
        predictions, enveloped = _predictions(body)
        node, bare = wrapped(predictions, rewrite.rows(answer), spec)
        new = rewritten(node, rewrite.write(columns_of(node, spec), answer, spec))
        new = new[0] if bare else new
        return _ENCODE({"predictions": new} if enveloped else new)

    def write_reply(self, answer: Answer, query: Query, spec: ModelSpec) -> bytes:
        """The body of a model server's answer: one prediction for each row."""
        return _ENCODE(reply_of(answer, query))

    def recognise(self, path: str, status: int, body: bytes) -> dict[str, Any] | None:
        """TorchServe says {"status": "Healthy"} at /ping."""
        try:
            healthy = str(tree_of(body).get("status", "")).lower() in ("healthy", "partial healthy")
        except (msgspec.MsgspecError, ProtocolError, RecursionError, ValueError):
            return None
        return {} if path == "/ping" and status == 200 and healthy else None


def _inputs(body: bytes) -> Inputs:
    """Rows under one known key, a bare list of rows, or one bare row of numbers."""
    if depth(body) == 0 and first(body) == b"{":
        given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        keys = [key for key in _CARRIERS if key in given]
        if len(keys) != 1:
            raise ProtocolError(
                f"expected one of {', '.join(_CARRIERS)}, got {', '.join(map(repr, list(given)[:5]))[:80]}"
            )
        return _rows(given[keys[0]]) if keys[0] != "inputs" else columnar(given["inputs"])
    return _rows(body)


def _rows(raw: bytes | msgspec.Raw) -> Inputs:
    start = first(raw)
    if depth(raw) == 0 and start == b'"':
        return [msgspec.json.decode(raw, type=str)]
    if depth(raw) == 1 and start not in (b'"', b"{"):
        # A flat list of numbers is one row here; an answer for more rows is refused as one of the wrong length.
        return instances(b"[" + bytes(raw) + b"]")[0]
    return instances(raw)[0]


def _predictions(body: bytes) -> tuple[Any, bool]:
    node = msgspec.json.decode(body)
    enveloped = isinstance(node, dict) and "predictions" in node
    return (node["predictions"], True) if enveloped else (node, False)
