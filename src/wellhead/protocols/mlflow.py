"""MLflow's scoring server: POST /invocations with a data frame, rows, named arrays or CSV.

Source: MLflow documentation, "Model serving", protocol of /invocations.
"""

# ruff: noqa: ARG002  every family takes the arguments of base.Protocol

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from wellhead.core.arrays import Inputs
from wellhead.core.errors import BadAnswer, ProtocolError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols import outputs, rewrite
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
from wellhead.protocols.numbers import column, instances, records, table
from wellhead.protocols.tensorflow_serving import columnar
from wellhead.protocols.trees import columns_of, csv_table, reply_of, rewritten, rows_in

_PATH = re.compile(r"/invocations")
_VERSION = re.compile(rb"\s*\d+\.\d+(\.\w+)*\s*")
_ENCODE = msgspec.json.Encoder().encode


class Split(msgspec.Struct):
    """A data frame: names, and rows of cells."""

    data: list[list[Any]]
    columns: list[Any] | UnsetType = UNSET
    index: list[Any] | UnsetType = UNSET


class Request(msgspec.Struct):
    """A scoring request: exactly one of the four carriers, and parameters of the model."""

    dataframe_split: Split | UnsetType = UNSET
    dataframe_records: list[dict[str, Any]] | UnsetType = UNSET
    instances: msgspec.Raw | UnsetType = UNSET
    inputs: msgspec.Raw | UnsetType = UNSET
    params: dict[str, Any] | UnsetType | None = UNSET


_request = msgspec.json.Decoder(Request).decode


class MLflow:
    """MLflow's scoring server."""

    name = "mlflow"
    content_types = (JSON, "text/csv")
    reply_type = JSON
    probes = ("/version",)

    def match(self, method: str, path: str) -> Called | None:
        """ONLY_MODEL for POST /invocations."""
        return named(_PATH, method, path)

    @reads_query
    def read_query(self, body: bytes, content_type: str, spec: ModelSpec) -> Query:
        """The query in a request; see base.Protocol."""
        if media(content_type, self.content_types) == "text/csv":
            inputs, asked = csv_table(body, header=True), most(spec)
        else:
            request = _request(body)
            check_keys(body, -1)
            inputs, asked = _inputs(request), _asked(request.params, spec)
        return Query(spec.name, inputs, len(inputs), asked)

    def write_query(self, query: Query, spec: ModelSpec) -> tuple[str, str, bytes]:
        """Path, content type and body that ask the query."""
        body: dict[str, Any] = {"inputs": rows_in(query.inputs)}
        if query.asked is Exposure.LABEL:
            body["params"] = {"predict_method": "predict"}
        return "/invocations", JSON, _ENCODE(body)

    @reads_query
    def clamp(self, body: bytes, query: Query, allowed: Exposure) -> bytes:
        """Cut the parameter that picks the method of the model; labels are asked for where no more is allowed."""
        if query.asked <= allowed or (b"predict_method" not in body and b"\\" not in body):
            return body
        tree = decoded(body)
        params = tree.get("params")
        if not isinstance(params, dict) or "predict_method" not in params:
            return body
        method = "predict" if allowed <= Exposure.LABEL else "predict_proba"
        return _ENCODE({**tree, "params": {**params, "predict_method": method}})

    @reads_answer
    def read_answer(self, body: bytes, content_type: str, query: Query, spec: ModelSpec) -> Answer:
        """The answer in a response; see base.Protocol."""
        json_answer(content_type)
        return outputs.read(columns_of(_predictions(body), spec), query.rows, spec)

    @reads_answer
    def write_answer(self, body: bytes, content_type: str, answer: Answer, spec: ModelSpec) -> bytes:
        """The response with the shaped answer in it; see base.Protocol."""
        node = _predictions(body)
        kept = rewrite.write(columns_of(node, spec), answer, spec)
        return _ENCODE({"predictions": rewritten(node, kept)})

    def write_reply(self, answer: Answer, query: Query, spec: ModelSpec) -> bytes:
        """The body of a model server's answer."""
        return _ENCODE({"predictions": reply_of(answer, query)})

    def recognise(self, path: str, status: int, body: bytes) -> dict[str, Any] | None:
        """MLflow tells its own version, as plain text, at /version."""
        return {} if path == "/version" and status == 200 and _VERSION.fullmatch(body) else None


def _inputs(request: Request) -> Inputs:
    given = [
        x
        for x in (request.dataframe_split, request.dataframe_records, request.instances, request.inputs)
        if x is not UNSET
    ]
    if len(given) != 1:
        raise ProtocolError(
            f"expected one of `dataframe_split`, `dataframe_records`, `instances`, `inputs`, got {len(given)} of them"
        )
    if request.dataframe_split is not UNSET:
        return _frame(request.dataframe_split)
    if request.dataframe_records is not UNSET:
        return records(request.dataframe_records)
    if request.instances is not UNSET:
        return instances(request.instances)[0]
    return columnar(given[0])  # type: ignore[arg-type]


def _frame(frame: Split) -> Inputs:
    """A data frame's cells; unnamed columns are named by their place."""
    width = len(frame.data[0]) if frame.data else 0
    names = [str(n) for n in (frame.columns if frame.columns is not UNSET else range(width))]
    if not width or len(names) != width or any(len(row) != width for row in frame.data):
        raise ProtocolError(f"expected rows of {len(names)} cells, got {width} or ragged rows")
    if len(set(names)) != width:
        raise ProtocolError("expected each column name once, got one twice")
    return table({n: column(list(cells)) for n, cells in zip(names, zip(*frame.data, strict=True), strict=True)})


def _asked(params: Any, spec: ModelSpec) -> Exposure:
    """What the parameter `predict_method` of the scikit-learn flavour asks for."""
    if spec.task == "regressor" or not isinstance(params, dict):
        return most(spec)
    method = params.get("predict_method", "predict_proba")
    return {"predict": Exposure.LABEL, "predict_proba": Exposure.PROBABILITIES}.get(str(method), Exposure.LOGITS)


def _predictions(body: bytes) -> Any:
    tree = tree_of(body)
    if "predictions" not in tree:
        raise BadAnswer(f"expected `predictions`, got {', '.join(map(repr, list(tree)[:5])) or 'nothing'}")
    return tree["predictions"]
