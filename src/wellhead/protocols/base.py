"""The contract of one API family, and what all families do alike."""

from __future__ import annotations

import functools
import json
import re
import typing
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import msgspec

from wellhead.core.errors import BadAnswer, ProtocolError, Refusal
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure

P = ParamSpec("P")
T = TypeVar("T")

JSON = "application/json"


class Called(typing.NamedTuple):
    """What the path of an inference call names. model, version: "" where it names none, which no path can spell.

    A version is as the path spells it; a label of TensorFlow Serving is `labels/{label}`, which no version can be.
    """

    model: str = ""
    version: str = ""


ONLY_MODEL = Called()
"""What `match` returns where the path names no model."""

VERSION_FIELDS = frozenset(
    {"model_version", "modelVersion", "deployedModelId", "modelVersionId", "version", "versions", "modelDisplayName"}
)
"""Fields that tell a thief when the model changed; no answer that Wellhead writes carries them."""

# Unmarshallers that ignore case (Go's) read these from `Inputs` as well: two spellings at once are a smuggled body.
_CONTROL = frozenset(
    (
        "inputs",
        "instances",
        "outputs",
        "examples",
        "data",
        "shape",
        "datatype",
        "parameters",
        "params",
        "name",
        "columns",
        "index",
        "signature_name",
        "dataframe_split",
        "dataframe_records",
        "features",
    )
)
_UNREADABLE = (ProtocolError, msgspec.MsgspecError, RecursionError, ValueError, OverflowError)


class Protocol(typing.Protocol):
    """One API family, both sides: Wellhead reads queries and answers, the red team and the demo write them.

    name: as in the config.  content_types: what `read_query` accepts.  reply_type: content type of `write_reply`.
    probes: GET paths by which the family is recognised.
    """

    name: str
    content_types: tuple[str, ...]
    reply_type: str
    probes: tuple[str, ...]

    def match(self, method: str, path: str) -> Called | None:
        """What an inference call names: all of it, since only the guarded model passes; None for any other path."""

    def read_query(self, body: bytes, content_type: str, spec: ModelSpec) -> Query:
        """The query in a request body; raises Refusal 400 for an unreadable body, 415 for its content type."""

    def write_query(self, query: Query, spec: ModelSpec) -> tuple[str, str, bytes]:
        """Path, content type and body that ask the query."""

    def clamp(self, body: bytes, query: Query, allowed: Exposure) -> bytes:
        """The body that asks for no more than `allowed`; the same object where nothing is to be cut.

        Call it for every query: some knobs (binary tensors) are cut whatever is allowed.
        """

    def read_answer(self, body: bytes, content_type: str, query: Query, spec: ModelSpec) -> Answer:
        """The answer in a response body, `kind` being the most that the body gives away; raises BadAnswer."""

    def write_answer(self, body: bytes, content_type: str, answer: Answer, spec: ModelSpec) -> bytes:
        """The upstream's body with the shaped answer in it: other forms of the scores, and versions, are dropped."""

    def write_reply(self, answer: Answer, query: Query, spec: ModelSpec) -> bytes:
        """The body by which a model server of this family gives the answer."""

    def recognise(self, path: str, status: int, body: bytes) -> dict[str, Any] | None:
        """What the reply to a probe tells: any of name, task, classes, shape, datatype; None if it is no such API."""


def reads_query(function: Callable[P, T]) -> Callable[P, T]:
    """Turn whatever a decoder raises on bad bytes into Refusal 400."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except _UNREADABLE as e:
            raise Refusal(400, _line("expected a body of the model's API", e), getattr(e, "remedy", "")) from e

    return guarded


def reads_answer(function: Callable[P, T]) -> Callable[P, T]:
    """Turn whatever a decoder raises on bad bytes into BadAnswer."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BadAnswer:
            raise
        except _UNREADABLE as e:
            raise BadAnswer(_line("expected an answer of the model's API", e), getattr(e, "remedy", "")) from e

    return guarded


def _line(expected: str, error: Exception) -> str:
    text = error.message if isinstance(error, ProtocolError) else f"{expected}, got: {error}"
    return text.replace("\n", " ")[:300]


def media(content_type: str, accepted: tuple[str, ...], parameters: tuple[str, ...] = ()) -> str:
    """The accepted media type of a header, the first where the header is empty; raises Refusal 415."""
    if content_type == accepted[0] or not content_type:
        return accepted[0]
    kind, *rest = (part.strip().lower() for part in content_type.split(";"))
    known = {"charset=utf-8", 'charset="utf-8"', "", *parameters}
    if kind in accepted and all(part in known for part in rest):
        return kind
    raise Refusal(415, f"expected content type {' or '.join(accepted)}, got {content_type[:80]!r}")


def json_answer(content_type: str) -> None:
    """Raises BadAnswer unless the upstream says JSON, or nothing."""
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    if kind not in (JSON, "", "text/plain", "application/jsonlines"):
        raise BadAnswer(f"expected a JSON answer, got content type {content_type[:80]!r}")


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name.lower() if name.lower() in _CONTROL else name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ProtocolError(f"expected each JSON key once, got {twice[:40]!r} twice")
    return dict(pairs)


def check_keys(body: bytes, expected: int) -> None:
    """Raise ProtocolError where an object holds a key twice: servers differ in which one they obey.

    expected: keys that the decoded body has. As many colons prove that there is no other key; more need the slow look.
    """
    if body.count(b":") != expected:
        json.loads(body, object_pairs_hook=_single)


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object in a body whose keys occur once each; raises ProtocolError or msgspec's errors."""
    tree = tree_of(body)
    check_keys(body, -1)
    return tree


def tree_of(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; raises ProtocolError or msgspec's errors."""
    tree = msgspec.json.decode(body)
    if not isinstance(tree, dict):
        raise ProtocolError(f"expected a JSON object, got {type(tree).__name__}")
    return tree


def named(pattern: re.Pattern[str], method: str, path: str) -> Called | None:
    """The `model` and the `version` or `label` group of a POST path, as far as the pattern has them."""
    found = pattern.fullmatch(path) if method == "POST" else None
    if found is None:
        return None
    groups = found.groupdict()
    return Called(groups.get("model") or "", groups.get("version") or groups.get("label") or "")


def most(spec: ModelSpec) -> Exposure:
    """What a request gets that does not say what it wants."""
    return Exposure.VALUE if spec.task == "regressor" else Exposure.PROBABILITIES
