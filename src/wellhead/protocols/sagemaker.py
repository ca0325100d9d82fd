"""SageMaker endpoints: CSV, JSON or JSON lines at /invocations and /endpoints/{n}/invocations.

Source: AWS documentation, "Common data formats for inference"; botocore's sagemaker-runtime model.
"""

# ruff: noqa: ARG002  every family takes the arguments of base.Protocol

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Inputs
from wellhead.core.errors import BadAnswer, ProtocolError
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
from wellhead.protocols.numbers import depth, double, first, instances, records
from wellhead.protocols.outputs import Column
from wellhead.protocols.tensorflow_serving import columnar
from wellhead.protocols.trees import columns_of, csv_table, reply_of, rewritten, rows_in

CSV, LINES = "text/csv", "application/jsonlines"
_PATH = re.compile(r"(?:/endpoints/(?P<model>[^/]+))?/invocations")
_ENCODE = msgspec.json.Encoder().encode


class SageMaker:
    """SageMaker endpoints and containers."""

    name = "sagemaker"
    content_types = (JSON, CSV, LINES)
    reply_type = JSON
    probes = ("/execution-parameters",)

    def match(self, method: str, path: str) -> Called | None:
        """The endpoint of POST /endpoints/{n}/invocations, ONLY_MODEL for a container's /invocations."""
        return named(_PATH, method, path)

    @reads_query
    def read_query(self, body: bytes, content_type: str, spec: ModelSpec) -> Query:
        """The query in a request; see base.Protocol."""
        kind = media(content_type, self.content_types, parameters=("label_size=0", "header=absent"))
        inputs = csv_table(body, header=False) if kind == CSV else _lines(body) if kind == LINES else _json(body)
        return Query(spec.name, inputs, len(inputs), most(spec))

    def write_query(self, query: Query, spec: ModelSpec) -> tuple[str, str, bytes]:
        """Path, content type and body that ask the query."""
        return f"/endpoints/{query.model}/invocations", JSON, _ENCODE({"instances": rows_in(query.inputs)})

    def clamp(self, body: bytes, query: Query, allowed: Exposure) -> bytes:
        """The body: a request body has no say in what comes back."""
        return body

    @reads_answer
    def read_answer(self, body: bytes, content_type: str, query: Query, spec: ModelSpec) -> Answer:
        """The answer in a response; see base.Protocol."""
        if _kind(content_type) == CSV:
            return outputs.read(_csv_columns(body, query.rows), query.rows, spec)
        json_answer(content_type)
        return outputs.read(columns_of(_predictions(body, content_type), spec), query.rows, spec)

    @reads_answer
    def write_answer(self, body: bytes, content_type: str, answer: Answer, spec: ModelSpec) -> bytes:
        """The response with the shaped answer in it; see base.Protocol."""
        if _kind(content_type) == CSV:
            columns = _csv_columns(body, rewrite.rows(answer))
            return _csv_text(rewrite.write(columns, answer, spec)[""], b"\n" in body.strip())
        node = _predictions(body, content_type)
        new = rewritten(node, rewrite.write(columns_of(node, spec), answer, spec))
        return (
            b"".join(_ENCODE(row) + b"\n" for row in new)
            if _kind(content_type) == LINES
            else _ENCODE({"predictions": new})
        )

    def write_reply(self, answer: Answer, query: Query, spec: ModelSpec) -> bytes:
        """The body of a model server's answer, as JSON."""
        return _ENCODE({"predictions": reply_of(answer, query)})

    def recognise(self, path: str, status: int, body: bytes) -> dict[str, Any] | None:
        """A container for batch transform says how to split them; /ping is answered by too many others."""
        try:
            told = {"MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB"} & tree_of(body).keys()
        except (msgspec.MsgspecError, ProtocolError, RecursionError, ValueError):
            return None
        return {} if path == "/execution-parameters" and status == 200 and told else None


def _kind(content_type: str) -> str:
    return content_type.split(";", maxsplit=1)[0].strip().lower()


def _json(body: bytes) -> Inputs:
    check_keys(body, 0)
    if first(body) != b"{" or depth(body):
        return instances(body)[0]
    given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    keys = [key for key in ("instances", "inputs") if key in given]
    if len(keys) != 1:
        raise ProtocolError(f"expected `instances` or `inputs`, got {', '.join(map(repr, list(given)[:5]))[:80]}")
    return columnar(given[keys[0]]) if keys[0] == "inputs" else instances(given["instances"])[0]


def _lines(body: bytes) -> Inputs:
    """One JSON value a line: an object such as {"features": [...]}, or a list of cells."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    for line in lines:
        check_keys(line, 0)
    if lines and first(lines[0]) == b"{" and not depth(lines[0]):
        return records([msgspec.json.decode(line, type=dict[str, Any]) for line in lines])
    parsed = [msgspec.json.decode(line) for line in lines]
    return instances(_ENCODE(parsed))[0]


def _predictions(body: bytes, content_type: str) -> Any:
    if _kind(content_type) == LINES:
        return [msgspec.json.decode(line) for line in body.split(b"\n") if line.strip()]
    tree = tree_of(body)
    if "predictions" not in tree:
        raise BadAnswer(f"expected `predictions`, got {', '.join(map(repr, list(tree)[:5])) or 'nothing'}")
    return tree["predictions"]


def _csv_columns(body: bytes, rows: int) -> dict[str, Column]:
    """One row a line; a single line of as many cells as rows is one cell for each row (older XGBoost containers)."""
    cells = [line.split(",") for line in body.decode("utf-8").split("\n") if line.strip()]
    if not cells or any(len(line) != len(cells[0]) for line in cells):
        raise BadAnswer("expected lines of equally many cells, got none or ragged lines")
    if len(cells) == 1 and rows > 1:
        cells = [[cell] for cell in cells[0]]
    flat = [cell.strip() for line in cells for cell in line]
    try:
        numbers = double([float(cell) for cell in flat])
    except ValueError:
        if len(flat) != len(cells):
            raise BadAnswer("expected one label or only numbers in each line, got others") from None
        return {"": flat}
    return {"": numbers if len(flat) == len(cells) else numbers.reshape(len(cells), -1)}


def _csv_text(column: Any, by_line: bool) -> bytes:
    if isinstance(column, list):
        lines = column
    elif column.ndim == 1:
        whole = bool((column == np.rint(column)).all())
        lines = [str(int(v)) if whole else repr(v) for v in column.tolist()]
    else:
        return "\n".join(",".join(map(repr, row)) for row in column.tolist()).encode()
    return ("\n" if by_line else ",").join(lines).encode()
