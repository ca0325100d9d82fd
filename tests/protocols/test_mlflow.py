import msgspec
import numpy as np
import pytest

from wellhead.core.errors import Refusal
from wellhead.core.event import ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.protocols.mlflow import MLflow

P = MLflow()
SPEC = ModelSpec(name="m")
ROWS = [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"dataframe_split": {"columns": ["a", "b"], "index": [0, 1], "data": ROWS}}, "application/json"),
        ({"dataframe_split": {"columns": ["b", "a"], "data": [r[::-1] for r in ROWS]}}, "application/json"),
        ({"dataframe_split": {"data": ROWS}}, "application/json"),
        ({"dataframe_records": [{"a": r[0], "b": r[1]} for r in ROWS]}, "application/json"),
        ({"instances": ROWS, "params": {}}, "application/json"),
        ({"inputs": ROWS}, "application/json; charset=utf-8"),
        ({"inputs": {"a": [1, 3], "b": [2, 4]}}, "application/json"),
        (b"a,b\n1,2\n3,4\n", "text/csv"),
    ],
)
def test_all_forms_give_the_same_rows(body, content_type):
    query = P.read_query(body if isinstance(body, bytes) else msgspec.json.encode(body), content_type, SPEC)
    assert query.inputs.tolist() == ROWS
    assert query.rows == 2


def test_texts_beside_numbers():
    body = msgspec.json.encode(
        {"dataframe_split": {"columns": ["age", "job"], "data": [[39, "State-gov"], [50, "Private"]]}}
    )
    inputs = P.read_query(body, "application/json", SPEC).inputs
    assert inputs.shape == (2, 9)
    assert inputs[:, 0].tolist() == [39, 50]
    assert set(np.unique(inputs[:, 1:])) == {-1.0, 1.0}


@pytest.mark.parametrize(
    "body",
    [
        {}, {"inputs": [[1]], "instances": [[1]]}, {"dataframe_split": {"columns": ["a"], "data": ROWS}},
        {"messages": []},
        {"dataframe_split": {"columns": ["a", "a"], "data": ROWS}}, {"dataframe_split": {"data": [[1], [1, 2]]}},
        {"dataframe_records": []}, {"dataframe_records": [{"a": None}]}, {"dataframe_split": {"data": []}},
    ],
)  # fmt: skip
def test_refused(body):
    with pytest.raises(Refusal) as refused:
        P.read_query(msgspec.json.encode(body), "application/json", SPEC)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("method", "asked"),
    [("predict", Exposure.LABEL), ("predict_proba", Exposure.PROBABILITIES), ("decision_function", Exposure.LOGITS)],
)
def test_the_method_is_clamped(method, asked):
    body = msgspec.json.encode({"inputs": [[1]], "params": {"predict_method": method, "n": 3}})
    query = P.read_query(body, "application/json", SPEC)
    assert query.asked is asked
    for allowed in (Exposure.LABEL, Exposure.PROBABILITIES, Exposure.LOGITS):
        clamped = P.clamp(body, query, allowed)
        assert P.read_query(clamped, "application/json", SPEC).asked is min(asked, allowed)
        assert msgspec.json.decode(clamped)["params"]["n"] == 3


def test_paths_and_recognise():
    assert P.match("POST", "/invocations") == ("", "")
    assert P.match("POST", "/version") is None
    assert P.recognise("/version", 200, b"2.14.1") == {}
    assert P.recognise("/version", 200, b"<html>") is None
