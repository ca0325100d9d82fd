"""Contract checks that every protocol passes, ours and plugin authors'."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from wellhead.core.arrays import Inputs
from wellhead.core.errors import BadAnswer, Refusal, WellheadError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols.base import Called, Protocol

_CLASSIFIER = ModelSpec(name="m")
_REGRESSOR = ModelSpec(name="m", task="regressor")
_ROWS = (1, 3)
_BROKEN = (
    b"", b" ", b"null", b"[]", b"{}", b"[[]]", b"[[1],[1,2]]", b"NaN", b"[NaN]", b"[1e999]", b"[1e39]",
    b'{"a":1,"a":2}', b"\xff\xfe", b'"\\ud800"', b"[" * 5000, b'{"a":' * 5000, b"[null]",
)  # fmt: skip
_GARBAGE = (
    *_BROKEN, b"0", b'""', b'"', b'a,"b', b'{"inputs":null}', b'{"predictions":null}', b"\x00", b",,", b"1,2\n3",
    b'{"instances":[[1],[null]]}', b'{"outputs":[{"name":"x","shape":[-1],"datatype":"FP32","data":[]}]}',
    b'{"predictions":[{"a":{"b":[]}}]}',
)  # fmt: skip


class ContractError(WellheadError):
    """A protocol that does not keep the contract."""


def check_protocol(protocol: Protocol) -> None:
    """Raise ContractError with the first rule of `protocols.base.Protocol` that is not kept."""
    for rows in _ROWS:
        for query in _queries(rows):
            _check_query(protocol, query)
        for answer in _answers(rows):
            _check_answer(protocol, answer, rows)
        _check_shaped(protocol, rows)
    _check_garbage(protocol)
    _check_paths(protocol)


def _check_paths(protocol: Protocol) -> None:
    """Only the guarded model is metered: a path must not name one that `match` does not see."""
    paths = [protocol.write_query(Query(name, [], 0, Exposure.LABEL), ModelSpec(name=name))[0] for name in ("m", "n")]
    for name, path in zip(("m", "n"), paths, strict=True):
        seen = name if paths[0] != paths[1] else ""
        _expect(protocol.match("POST", path) == Called(seen), f"match to name {seen or 'no model'!r} for {path!r}")
    _expect(protocol.match("GET", _written(protocol, next(_queries(1)))[0]) is None, "a GET to be no inference call")
    _expect(protocol.match("POST", "/wellhead/no/such/path") is None, "an unknown path to be no inference call")


def _expect(kept: bool, rule: str) -> None:
    if not kept:
        raise ContractError(f"expected {rule}, got otherwise")


def _queries(rows: int) -> Iterator[Query]:
    numbers = np.random.default_rng(rows).normal(size=(rows, 4)).astype(np.float32)
    for asked in (Exposure.PROBABILITIES, Exposure.LABEL, Exposure.TOP_K, Exposure.LOGITS):
        yield Query("m", numbers, rows, asked)
    yield Query("m", [f'text {i}: "é"' for i in range(rows)], rows, Exposure.PROBABILITIES)


def _answers(rows: int) -> Iterator[Answer]:
    rng = np.random.default_rng(rows)
    scores = rng.dirichlet(np.ones(4), rows)
    yield Answer(Exposure.PROBABILITIES, scores=scores)
    yield Answer(Exposure.LOGITS, scores=rng.normal(size=(rows, 4)) * 9.0)
    yield Answer(Exposure.LABEL, labels=scores.argmax(axis=1))
    yield Answer(Exposure.VALUE, values=rng.normal(size=rows) + 0.1)


def _written(protocol: Protocol, query: Query, spec: ModelSpec = _CLASSIFIER) -> tuple[str, str, bytes]:
    path, content_type, body = protocol.write_query(query, spec)
    _expect(protocol.match("POST", path) is not None, f"the path {path!r} to match")
    return path, content_type, body


def same_inputs(one: Inputs, other: Inputs) -> bool:
    """True for equal texts, or equal numbers of equal shape."""
    if isinstance(one, list) or isinstance(other, list):
        return one == other
    return one.shape == other.shape and bool(np.array_equal(one, other))


def same_answer(one: Answer, other: Answer) -> bool:
    """True for equal kind and equal scores, labels and values, to 12 digits."""
    if one.kind is not other.kind:
        return False
    pairs = ((one.scores, other.scores), (one.labels, other.labels), (one.values, other.values))
    return all(
        (a is None) == (b is None)
        and (a is None or b is None or (a.shape == b.shape and np.allclose(a, b, 1e-12, 1e-12)))
        for a, b in pairs
    )


def _check_query(protocol: Protocol, query: Query) -> None:
    _, content_type, body = _written(protocol, query)
    read = protocol.read_query(body, content_type, _CLASSIFIER)
    _expect(
        read.rows == query.rows and same_inputs(read.inputs, query.inputs), "read_query to read what write_query wrote"
    )
    for allowed in Exposure:
        clamped = protocol.clamp(body, read, allowed)
        again = protocol.read_query(clamped, content_type, _CLASSIFIER)
        _expect(again.asked <= max(read.asked, allowed), f"clamp to {allowed.name} not to raise what is asked")
        _expect(same_inputs(again.inputs, read.inputs), "clamp to leave the inputs alone")
        if allowed >= read.asked:
            _expect(clamped is body, "clamp to return the same bytes where nothing is to be cut")
    unknown = functools.partial(protocol.read_query, body, "application/x-wellhead-none", _CLASSIFIER)
    _expect(_refused(unknown, 415) is None, "an unknown content type to be refused")


def _spec(answer: Answer) -> ModelSpec:
    return _REGRESSOR if answer.values is not None else _CLASSIFIER


def _check_answer(protocol: Protocol, answer: Answer, rows: int) -> None:
    asked = answer.kind if answer.kind is not Exposure.LABEL else Exposure.PROBABILITIES
    query, spec = Query("m", np.zeros((rows, 4), np.float32), rows, asked), _spec(answer)
    body = protocol.write_reply(answer, query, spec)
    read = protocol.read_answer(body, protocol.reply_type, query, spec)
    _expect(same_answer(read, answer), f"read_answer to read the {answer.kind.name} that write_reply wrote")
    longer = Query("m", np.zeros((rows + 1, 4), np.float32), rows + 1, asked)
    _expect_bad(lambda: protocol.read_answer(body, protocol.reply_type, longer, spec))
    unchanged = protocol.write_answer(body, protocol.reply_type, read, spec)
    again = protocol.read_answer(unchanged, protocol.reply_type, query, spec)
    _expect(same_answer(again, answer), f"write_answer to keep an unchanged {answer.kind.name}")


def _check_shaped(protocol: Protocol, rows: int) -> None:
    """What a defence did is what is served, and labels go with the scores."""
    query = Query("m", np.zeros((rows, 4), np.float32), rows, Exposure.PROBABILITIES)
    rng = np.random.default_rng(rows)
    for true in _answers(rows):
        if true.scores is None:
            continue
        body = protocol.write_reply(true, query, _CLASSIFIER)
        shaped = np.round(rng.dirichlet(np.ones(4), rows), 2)
        shaped[:, 0] += 1.0 - shaped.sum(axis=1)
        hot = np.eye(4)[shaped.argmax(axis=1)]
        for answer in (Answer(Exposure.PROBABILITIES, scores=shaped), Answer(Exposure.LABEL, scores=hot)):
            served = protocol.write_answer(body, protocol.reply_type, answer, _CLASSIFIER)
            read = protocol.read_answer(served, protocol.reply_type, query, _CLASSIFIER)
            given = answer.scores if answer.scores is not None else hot
            kept = read.scores is not None and read.scores.shape == given.shape and np.allclose(read.scores, given)
            _expect(kept and read.kind <= Exposure.PROBABILITIES, "write_answer to serve exactly the shaped scores")


def _check_garbage(protocol: Protocol) -> None:
    query = Query("m", np.zeros((2, 4), np.float32), 2, Exposure.PROBABILITIES)
    for content_type in (*protocol.content_types, ""):
        for body in _GARBAGE:
            read = _refused(functools.partial(protocol.read_query, body, content_type, _CLASSIFIER))
            strict = body in _BROKEN and "csv" not in content_type
            _expect(
                read is None if strict else read is None or 0 < read.rows == len(read.inputs), f"{body[:40]!r} refused"
            )
            for spec in (_CLASSIFIER, _REGRESSOR):
                _expect_bad(functools.partial(protocol.read_answer, body, content_type, query, spec))


def _refused(read: Callable[[], Query], status: int = 400) -> Query | None:
    """None where the request was refused as it should be."""
    try:
        return read()
    except Refusal as e:
        _expect(e.status == status, f"status {status} for an unreadable request, not {e.status}")
        return None


def _expect_bad(read: Callable[[], object]) -> None:
    try:
        read()
    except BadAnswer:
        return
    _expect(False, "an unreadable answer to raise BadAnswer")
