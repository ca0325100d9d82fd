import tomllib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.config import Pointers
from wellhead.core.errors import BadAnswer, ConfigError, ProtocolError, Refusal
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols.generic import Generic, build, find, harmless, parse_pointer, put

SPEC = ModelSpec(name="m", classes=("no", "yes"))
JSON = "application/json"
PATHS = st.lists(st.sampled_from(["a", "b", "0", "2", "~", "/"]), max_size=4).map(tuple)


@given(PATHS, st.integers())
def test_what_is_put_is_found(path, value):
    assert find(build(path, value), path) == value
    assert find(put({"a": {"b": [1, 2]}, "0": 3}, path, value), path) == value


def test_pointers_of_the_standard():
    document = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "m~n": 8, " ": 7}
    for text, value in (("", document), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/m~0n", 8), ("/ ", 7)):
        assert find(document, parse_pointer(text)) == value
    for text in ("/foo/2", "/foo/01", "/foo/-", "/bar"):
        with pytest.raises(ProtocolError, match="expected a value at"):
            find(document, parse_pointer(text))
    with pytest.raises(ConfigError, match="begin it with /"):
        parse_pointer("foo")


def test_config_that_cannot_work():
    for pointers in (Pointers(), Pointers(path="/p"), Pointers(path="p", scores="/s")):
        with pytest.raises(ConfigError, match="pointers"):
            Generic(pointers)


def test_the_page_config_is_a_config(page):
    tree = tomllib.loads(page("generic")["config"].decode())
    assert Generic(Pointers(**tree["model"]["pointers"])).match("POST", "/predict") == ("", "")


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        (b'{"x":[1,2]}', [[1, 2]]),
        (b'{"x":[[1],[2]]}', [[1], [2]]),
        (b'{"x":"hi"}', ["hi"]),
        (b'{"x":{"a":[1],"b":[2]}}', [[1, 2]]),
    ],
)
def test_inputs(body, inputs):
    query = Generic(Pointers(path="/p", inputs="/x", scores="/s")).read_query(body, JSON, SPEC)
    assert (query.inputs if isinstance(query.inputs, list) else query.inputs.tolist()) == inputs


def test_no_inputs_at_the_pointer():
    with pytest.raises(Refusal, match="expected a value at /x"):
        Generic(Pointers(path="/p", inputs="/x", scores="/s")).read_query(b"{}", JSON, SPEC)


def test_a_bare_row_goes_back_bare_and_unmapped_decimals_go():
    protocol = Generic(Pointers(path="/p", inputs="/x", scores="/out/0/p", labels="/label"))
    body = b'{"out":[{"p":[0.25,0.75],"margin":1.5}],"label":"yes","id":7,"model_version":3,"raw":[0.5]}'
    query = Query("m", [], 1, Exposure.PROBABILITIES)
    answer = protocol.read_answer(body, JSON, query, SPEC)
    assert (answer.scores.tolist(), answer.labels.tolist()) == ([[0.25, 0.75]], [1])
    served = protocol.write_answer(body, JSON, Answer(Exposure.LABEL, labels=np.array([0])), SPEC)
    assert msgspec.json.decode(served) == {"out": [{"p": [1.0, 0.0]}], "label": "no", "id": 7, "raw": [None]}


def test_rows_of_objects():
    protocol = Generic(Pointers(path="/p", inputs="/x", scores="/predictions"))
    body = b'{"predictions":[{"label":"yes","score":0.75},{"label":"no","score":0.25}]}'
    answer = protocol.read_answer(body, JSON, Query("m", [], 2, Exposure.PROBABILITIES), SPEC)
    assert answer.top1.tolist() == [1, 0]
    with pytest.raises(BadAnswer):
        protocol.read_answer(b"{}", JSON, Query("m", [], 2, Exposure.PROBABILITIES), SPEC)


def test_harmless():
    assert harmless({"a": 1, "b": 0.5, "c": [0.5, {"d": "x"}], "version": "1", "e": True}) == {
        "a": 1, "c": [None, {"d": "x"}], "e": True,
    }  # fmt: skip
