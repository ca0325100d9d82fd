from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.config import Pointers
from wellhead.core.errors import BadAnswer, ProtocolError, Refusal
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.plugins import find
from wellhead.protocols.base import check_keys, json_answer, media, most
from wellhead.testing.protocols import check_protocol

NAMES = ("open_inference", "tensorflow_serving", "mlflow", "torchserve", "sagemaker", "generic")
POINTERS = Pointers(
    path="/predict", inputs="/rows", scores="/result/scores", labels="/result/labels", values="/result/values"
)
SPEC = ModelSpec(name="m")


def make(name):
    kind = find("protocols", name)
    return kind(POINTERS) if name == "generic" else kind()


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    check_protocol(make(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_its_page(name, page):
    protocol, blocks = make(name), page(name)
    query = protocol.read_query(blocks["request"], "application/json", SPEC)
    assert query.rows == len(query.inputs) == 2
    answer = protocol.read_answer(blocks["answer"], "application/json", query, SPEC)
    assert answer.scores.tolist() == [[0.9, 0.1], [0.25, 0.75]]
    answer = Answer(Exposure.LABEL, labels=answer.top1)
    assert protocol.write_answer(blocks["answer"], "application/json", answer, SPEC) == blocks["label"]


@pytest.mark.parametrize("name", NAMES)
@given(body=st.binary(max_size=60) | st.text(alphabet='[]{}",:0123456789.eE-ntfa \n\\u', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(name, body):
    protocol = make(name)
    query = Query("m", [], 2, Exposure.PROBABILITIES)
    for content_type in protocol.content_types:
        try:
            read = protocol.read_query(body, content_type, SPEC)
            assert read.rows == len(read.inputs) > 0
        except Refusal as e:
            assert e.status == 400
        for spec in (SPEC, ModelSpec(task="regressor"), ModelSpec(classes=("a", "b"))):
            try:
                answer = protocol.read_answer(body, content_type, query, spec)
                assert all(c is None or len(c) == 2 for c in (answer.scores, answer.labels, answer.values))
            except BadAnswer:
                pass


WORDS = ["a", "1", "0.5:1:x", "FP32", "BYTES"]
KEYS = ["score", "label", "a", "0", "name", "shape", "datatype", "data"]
JSON_TREES = st.recursive(
    st.none() | st.booleans() | st.floats(-9, 9) | st.integers(-3, 3) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
HEADS = ("inputs", "instances", "outputs", "predictions", "result", "dataframe_split", "dataframe_records", "rows", "")


@pytest.mark.parametrize("name", NAMES)
@given(head=st.sampled_from(HEADS), tree=JSON_TREES, rows=st.integers(1, 3))
def test_any_tree_is_read_or_refused(name, head, tree, rows):
    protocol, body = make(name), msgspec.json.encode({head: tree} if head else tree)
    with suppress(Refusal):
        protocol.read_query(body, "application/json", SPEC)
    for spec in (SPEC, ModelSpec(task="regressor"), ModelSpec(classes=("a", "b"))):
        query = Query("m", [], rows, Exposure.PROBABILITIES)
        try:
            answer = protocol.read_answer(body, "application/json", query, spec)
            served = protocol.write_answer(body, "application/json", answer, spec)
        except BadAnswer:
            continue
        again = protocol.read_answer(served, "application/json", query, spec)
        assert again.kind <= answer.kind


def test_content_types():
    accepted = ("application/json", "text/csv")
    assert media("", accepted) == "application/json"
    assert media("Application/JSON; charset=UTF-8", accepted) == "application/json"
    assert media("text/csv", accepted) == "text/csv"
    for bad in ("application/octet-stream", "application/json; charset=utf-16", "application/json, text/csv"):
        with pytest.raises(Refusal, match="expected content type") as refused:
            media(bad, accepted)
        assert refused.value.status == 415
    with pytest.raises(BadAnswer):
        json_answer("application/octet-stream")


@pytest.mark.parametrize(
    "body", [b'{"a":1,"a":2}', b'{"x":[{"a":1,"\\u0061":2}]}', b'{"inputs":1,"Inputs":2}', b'{"Data":1,"DATA":2}']
)
def test_keys_that_occur_twice(body):
    with pytest.raises(ProtocolError, match="twice"):
        check_keys(body, 1)


def test_keys_that_occur_once():
    check_keys(b'{"a":{"b":"c:d"},"A":1}', 1)


def test_what_a_silent_request_gets():
    assert most(SPEC) is Exposure.PROBABILITIES
    assert most(ModelSpec(task="regressor")) is Exposure.VALUE
