import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wellhead.core.errors import BadAnswer, Refusal
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols.open_inference import OpenInference

P = OpenInference()
SPEC = ModelSpec(name="m")
BINARY = ModelSpec(name="m", classes=("no", "yes"))
JSON = "application/json"


def tensor(data, shape, datatype="FP32", name="x", **more):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data, **more}


def ask(*inputs, **more):
    return msgspec.json.encode({"inputs": list(inputs), **more})


def reply(*outputs, **more):
    return msgspec.json.encode({"model_name": "m", "outputs": list(outputs), **more})


def read(body, rows=1, spec=SPEC):
    return P.read_answer(body, JSON, Query("m", [], rows, Exposure.PROBABILITIES), spec)


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("/v2/models/m/infer", ("m", "")),
        ("/v2/models/m/versions/3/infer", ("m", "3")),
        ("/v2/models/m/generate", None),
        ("/v2/models/a/b/infer", None),
        ("/v2/models/m/infer/", None),
    ],
)
def test_paths(path, called):
    assert P.match("POST", path) == called


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=4),
        elements=st.floats(-(2.0**90), 2.0**90, width=32),
    ),
    st.booleans(),
)
def test_nested_and_flat_data_are_the_same_inputs(inputs, flat):
    data = inputs.reshape(-1).tolist() if flat else inputs.tolist()
    query = P.read_query(ask(tensor(data, list(inputs.shape))), JSON, SPEC)
    assert query.rows == len(inputs)
    assert np.array_equal(query.inputs, inputs)
    assert query.inputs.dtype == np.float32


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ([tensor([1, 2, 3], [1, 2])], "expected 2 elements of shape .1, 2. in 'x', got 3 elements"),
        ([tensor([[1, 2], [3, 4]], [4, 1])], "got 4 of shape"),
        ([tensor([[1, 2], [3]], [2, 2])], "ragged"),
        ([tensor([1], [-1, -1])], "dimensions of at least 1"),
        ([tensor([], [0, 4])], "dimensions of at least 1"),
        ([tensor([1], [2**62, 2**62])], "got 1 elements"),
        ([tensor([1], [1] * 9)], "1 to 8 dimensions"),
        ([tensor(["a"], [1, 1])], "got the string 'a'"),
        ([tensor([1], [1], "BYTES")], "Expected `str`"),
        ([tensor([1], [1], "FP8")], "a datatype such as"),
        ([tensor([1e39], [1])], "beyond 3.4e38"),
        ([tensor([1], [1]), tensor([1], [1])], "'x' twice"),
        ([tensor([1], [1]), tensor([1, 2], [2], name="y")], "columns of equal length"),
        ([tensor([1], [1], parameters={"shared_memory_region": "r"})], "in the JSON body"),
        ([tensor([1], [1], parameters={"binary_data_size": 4})], "in the JSON body"),
        ([], "at least one input"),
    ],
)
def test_requests_that_are_refused(tensors, said):
    with pytest.raises(Refusal, match=said) as refused:
        P.read_query(ask(*tensors), JSON, SPEC)
    assert refused.value.status == 400


def test_a_second_inputs_key_is_refused():
    one = ask(tensor([1], [1]))
    with pytest.raises(Refusal, match="'inputs' twice"):
        P.read_query(one[:-1] + b',"inp\\u0075ts":[]}', JSON, SPEC)


def test_tables_of_numbers_and_texts():
    age, job = tensor([39, 50], [2, 1], name="c10"), tensor(["a", "b"], [2], "BYTES", name="c2")
    query = P.read_query(ask(age, job), JSON, SPEC)
    swapped = P.read_query(ask(job, age), JSON, SPEC)
    assert query.inputs.shape == (2, 9)
    assert query.inputs[:, 8].tolist() == [39, 50]
    assert np.array_equal(query.inputs, swapped.inputs)
    assert P.read_query(ask(job), JSON, SPEC).inputs == ["a", "b"]
    assert P.read_query(ask(tensor([True, False], [2], "BOOL")), JSON, SPEC).inputs.tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ([{"name": "predict"}], Exposure.LABEL),
        ([{"name": "predict"}, {"name": "predict_proba"}], Exposure.PROBABILITIES),
        ([{"name": "p", "parameters": {"classification": 2}}], Exposure.TOP_K),
        ([{"name": "logits"}], Exposure.LOGITS),
        ([], Exposure.PROBABILITIES),
    ],
)
def test_what_is_asked_and_clamped(wanted, asked):
    body = ask(tensor([1], [1]), outputs=wanted)
    query = P.read_query(body, JSON, SPEC)
    assert query.asked is asked
    for allowed in (Exposure.LABEL, Exposure.PROBABILITIES, Exposure.LOGITS):
        again = P.read_query(P.clamp(body, query, allowed), JSON, SPEC)
        # A ranked list of one is the least that Triton's extension can give.
        assert again.asked <= max(allowed, Exposure.TOP_K) or not wanted


def test_probabilities_are_not_asked_for_where_labels_are_allowed():
    body = ask(tensor([1], [1]), outputs=[{"name": "predict_proba"}])
    clamped = P.clamp(body, P.read_query(body, JSON, SPEC), Exposure.LABEL)
    assert msgspec.json.decode(clamped)["outputs"] == [{"name": "predict"}]


def test_binary_tensors_are_cut_whatever_is_allowed():
    body = ask(
        tensor([1], [1]),
        parameters={"binary_data_output": True},
        outputs=[{"name": "p", "parameters": {"binary_data": True}}],
    )
    clamped = P.clamp(body, P.read_query(body, JSON, SPEC), Exposure.VALUE)
    assert b"binary" not in clamped
    escaped = body.replace(b"binary_data_output", b"binary\\u005fdata_output")
    assert b"data_output" not in P.clamp(escaped, P.read_query(escaped, JSON, SPEC), Exposure.VALUE)


def test_kinds_of_answers():
    assert read(reply(tensor([0.2, 0.8], [1, 2]))).kind is Exposure.PROBABILITIES
    assert read(reply(tensor([2.0, -1.0], [1, 2]))).kind is Exposure.LOGITS
    assert read(reply(tensor([3], [1], "INT64"))).labels.tolist() == [3]
    assert read(reply(tensor(["yes"], [1], "BYTES")), spec=BINARY).labels.tolist() == [1]
    value = read(reply(tensor([1.5, 2.0], [2, 1])), 2, ModelSpec(task="regressor"))
    assert (value.kind, value.values.tolist()) == (Exposure.VALUE, [1.5, 2.0])


def test_a_binary_score_is_two_columns_and_is_written_back_as_one():
    body = reply(tensor([0.25, 0.75], [2, 1]))
    answer = read(body, 2, BINARY)
    assert answer.scores.tolist() == [[0.75, 0.25], [0.25, 0.75]]
    label = Answer(Exposure.LABEL, labels=answer.top1)
    served = msgspec.json.decode(P.write_answer(body, JSON, label, BINARY))
    assert served["outputs"] == [tensor([0.0, 1.0], [2, 1])]


def test_logits_beside_probabilities_are_dropped():
    body = reply(
        tensor([0.25, 0.75], [1, 2], name="p"), tensor([1.0, 2.1], [1, 2], name="logits"),
        tensor([9], [1], "INT64", "label"),
        tensor([0.1, 0.2, 0.3], [1, 3], name="embedding"), model_version="3",
    )  # fmt: skip
    spec = ModelSpec(classes=("a", "b"))
    body = body.replace(b"[9]", b"[1]")
    answer = read(body, 1, spec)
    assert answer.kind is Exposure.LOGITS
    assert np.allclose(np.exp(answer.scores), [[0.25, 0.75]])
    shaped = Answer(Exposure.PROBABILITIES, scores=np.array([[0.7, 0.3]]))
    served = msgspec.json.decode(P.write_answer(body, JSON, shaped, spec))
    assert [t["name"] for t in served["outputs"]] == ["p", "label"]
    assert [t["data"] for t in served["outputs"]] == [[0.7, 0.3], [0]]
    assert "model_version" not in served


def test_ranked_texts():
    spec = ModelSpec(classes=("cat", "dog", "eel"))
    body = reply(tensor(["0.5:1:dog", "0.3:0:cat", "0.9:2:eel", "0.1:0:cat"], [2, 2], "BYTES"))
    answer = read(body, 2, spec)
    assert answer.kind is Exposure.TOP_K
    assert answer.scores.tolist() == [[0.3, 0.5, 0.0], [0.1, 0.0, 0.9]]
    served = msgspec.json.decode(P.write_answer(body, JSON, Answer(Exposure.LABEL, labels=answer.top1), spec))
    assert served["outputs"] == [tensor(["1:1:dog", "1:2:eel"], [2, 1], "BYTES")]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (reply(tensor([0.5, 0.5], [1, 2]), tensor([1], [1])).replace(b"0.5", b"NaN"), "invalid"),
        (reply(tensor([0.5, 0.5, 0.5, 0.5], [2, 2])), "expected 1 rows, got 2"),
        (reply(tensor(["cat"], [1], "BYTES")), "expected a label of model.classes, got 'cat'"),
        (reply(tensor([0.5, 0.5], [1, 2])) + b"\x00\x00", "trailing"),
        (reply(), "no output"),
        (reply(tensor([0.5], [1], name="embedding")), "expected scores or labels"),
    ],
)
def test_answers_that_cannot_be_read(body, said):
    with pytest.raises(BadAnswer, match=said):
        read(body)


def test_binary_answers_cannot_be_read():
    with pytest.raises(BadAnswer, match="expected a JSON answer"):
        P.read_answer(b"{}", "application/octet-stream", Query("m", [], 1, Exposure.LABEL), SPEC)


def test_recognise():
    assert P.recognise("/v2", 200, b'{"name":"triton","version":"2","extensions":[]}') == {}
    model = (
        b'{"name":"m","inputs":[{"name":"x","shape":[-1,4],"datatype":"FP32"}],"outputs":[{"name":"p","shape":[-1,3]}]}'
    )
    assert P.recognise("/v2/models/m", 200, model) == {
        "name": "m", "shape": [-1, 4], "datatype": "FP32", "task": "classifier",
    }  # fmt: skip
    assert P.recognise("/v2", 404, b"{}") is None
    assert P.recognise("/v2", 200, b"<html>") is None
