"""Any JSON API, mapped by JSON pointers of the config.

Source: RFC 6901.
"""

# ruff: noqa: ARG002  every family takes the arguments of base.Protocol

from __future__ import annotations

import re
from typing import Any

import msgspec

from wellhead.config import Pointers
from wellhead.core.errors import BadAnswer, ConfigError, ProtocolError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols import outputs, rewrite
from wellhead.protocols.base import (
    JSON,
    ONLY_MODEL,
    VERSION_FIELDS,
    Called,
    check_keys,
    json_answer,
    media,
    most,
    reads_answer,
    reads_query,
)
from wellhead.protocols.numbers import depth, first, instances
from wellhead.protocols.outputs import Column
from wellhead.protocols.tensorflow_serving import columnar
from wellhead.protocols.trees import columns_of, rewritten, rows_in, wrapped

_ENCODE = msgspec.json.Encoder().encode
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_ROLES = ("scores", "labels", "values")

Path = tuple[str, ...]


def parse_pointer(text: str) -> Path:
    """The reference tokens of a JSON pointer; raises ConfigError for any other text."""
    if text and not text.startswith("/"):
        raise ConfigError(f"expected a JSON pointer such as /result/scores, got {text[:60]!r}", "begin it with /")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])


def find(tree: Any, path: Path) -> Any:
    """The value that a pointer names; raises ProtocolError where there is none."""
    for i, token in enumerate(path):
        if isinstance(tree, dict) and token in tree:
            tree = tree[token]
        elif isinstance(tree, list) and _INDEX.fullmatch(token) and int(token) < len(tree):
            tree = tree[int(token)]
        else:
            raise ProtocolError(
                f"expected a value at /{'/'.join(path[: i + 1])[:80]}, got none", "check model.pointers"
            )
    return tree


def build(path: Path, value: Any) -> Any:
    """The smallest tree that holds the value at the path."""
    for token in reversed(path):
        value = [None] * int(token) + [value] if _INDEX.fullmatch(token) else {token: value}
    return value


def put(tree: Any, path: Path, value: Any) -> Any:
    """A copy of the tree with the value at the path."""
    if not path:
        return value
    if isinstance(tree, dict):
        return {**tree, path[0]: put(tree.get(path[0]), path[1:], value)}
    if isinstance(tree, list) and _INDEX.fullmatch(path[0]):
        padded = tree + [None] * (int(path[0]) + 1 - len(tree))
        return [put(x, path[1:], value) if i == int(path[0]) else x for i, x in enumerate(padded)]
    return build(path, value)


def harmless(tree: Any) -> Any:
    """The tree less what could carry scores or a version: floats, their arrays, version fields."""
    if isinstance(tree, dict):
        kept = {k: harmless(v) for k, v in tree.items() if k not in VERSION_FIELDS}
        return {k: v for k, v in kept.items() if v is not None}
    if isinstance(tree, list):
        # Positions stay, so that a pointer through the array still fits.
        return [harmless(x) if isinstance(x, dict | list) else None for x in tree]
    return None if isinstance(tree, float) else tree


class Generic:
    """Any JSON API; pointers `scores`, `labels`, `values` name lists of rows, or one bare row."""

    name = "generic"
    content_types = (JSON,)
    reply_type = JSON
    probes = ()

    def __init__(self, pointers: Pointers) -> None:
        if not pointers.path.startswith("/"):
            raise ConfigError(
                f"expected a path at `model.pointers.path`, got {pointers.path[:40]!r}",
                "such as /predict",
            )
        self.path = pointers.path
        self.inputs = parse_pointer(pointers.inputs)
        self.outputs = {r: parse_pointer(getattr(pointers, r)) for r in _ROLES if getattr(pointers, r)}
        if not self.outputs:
            raise ConfigError("expected a pointer to scores, labels or values at `model.pointers`, got none")

    def match(self, method: str, path: str) -> Called | None:
        """ONLY_MODEL for POST at the configured path."""
        return ONLY_MODEL if method == "POST" and path == self.path else None

    @reads_query
    def read_query(self, body: bytes, content_type: str, spec: ModelSpec) -> Query:
        """The query in a request; see base.Protocol."""
        media(content_type, self.content_types)
        raw = _ENCODE(find(msgspec.json.decode(body), self.inputs))
        check_keys(body, 0)
        if depth(raw) == 0 and first(raw) == b'"':
            return Query(spec.name, [msgspec.json.decode(raw, type=str)], 1, most(spec))
        one = depth(raw) == 1 and first(raw) not in (b'"', b"{")
        inputs = instances(b"[" + raw + b"]")[0] if one else columnar(raw)
        return Query(spec.name, inputs, len(inputs), most(spec))

    def write_query(self, query: Query, spec: ModelSpec) -> tuple[str, str, bytes]:
        """Path, content type and body that ask the query."""
        return self.path, JSON, _ENCODE(build(self.inputs, rows_in(query.inputs)))

    def clamp(self, body: bytes, query: Query, allowed: Exposure) -> bytes:
        """The body: the mapping knows no knob of the request."""
        return body

    @reads_answer
    def read_answer(self, body: bytes, content_type: str, query: Query, spec: ModelSpec) -> Answer:
        """The answer in a response; see base.Protocol."""
        json_answer(content_type)
        columns, _ = self._columns(msgspec.json.decode(body), query.rows, spec)
        return outputs.read(columns, query.rows, spec)

    @reads_answer
    def write_answer(self, body: bytes, content_type: str, answer: Answer, spec: ModelSpec) -> bytes:
        """The response with the shaped answer in it; numbers that no pointer names are dropped."""
        tree = msgspec.json.decode(body)
        columns, nodes = self._columns(tree, rewrite.rows(answer), spec)
        kept = rewrite.write(columns, answer, spec)
        new = harmless(tree)
        for part, (node, bare) in nodes.items():
            own = {_inner(part, name): c for name, c in kept.items() if name == part or name.startswith(part + "/")}
            if own:
                value = rewritten(node, own)
                new = put(new, self.outputs[part], value[0] if bare else value)
        return _ENCODE(new)

    def write_reply(self, answer: Answer, query: Query, spec: ModelSpec) -> bytes:
        """The body of a model server's answer, with what the pointers have a place for."""
        tree: Any = None
        scores = None if query.asked is Exposure.LABEL else answer.scores
        served = scores is not None and "scores" in self.outputs
        parts = {"scores": scores, "labels": answer.labels if served else answer.top1, "values": answer.values}
        for part, path in self.outputs.items():
            array = parts[part]
            if array is not None:
                tree = put(tree, path, array.tolist())
        return _ENCODE(tree)

    def recognise(self, path: str, status: int, body: bytes) -> dict[str, Any] | None:
        """None: an unknown API cannot be recognised."""
        return None

    def _columns(self, tree: Any, rows: int, spec: ModelSpec) -> tuple[dict[str, Column], dict[str, tuple[Any, bool]]]:
        """Columns under `scores`, `labels`, `values` (or `scores/key` for rows of objects), and their nodes."""
        columns: dict[str, Column] = {}
        nodes: dict[str, tuple[Any, bool]] = {}
        for part, path in self.outputs.items():
            try:
                nodes[part] = wrapped(find(tree, path), rows, spec)
            except ProtocolError:
                continue
            for name, column in columns_of(nodes[part][0], spec).items():
                columns[f"{part}/{name}" if name else part] = column
        if not columns:
            raise BadAnswer(f"expected a value at one of {', '.join(self.outputs)}, got none", "check model.pointers")
        return columns, nodes


def _inner(part: str, name: str) -> str:
    return name.removeprefix(part).removeprefix("/")
