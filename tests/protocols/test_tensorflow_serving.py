import msgspec
import pytest

from wellhead.core.errors import BadAnswer, Refusal
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols.tensorflow_serving import TensorFlowServing, columnar

P = TensorFlowServing()
SPEC = ModelSpec(name="m", classes=("cat", "dog"))
JSON = "application/json"


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("/v1/models/m:predict", ("m", "")),
        ("/v1/models/m/versions/2:classify", ("m", "2")),
        ("/v1/models/m/labels/canary:regress", ("m", "labels/canary")),
        ("/v1/models/versions/2:predict", None),
        ("/v1/models/m/versions/labels/2:predict", None),
        ("/v1/models/m:explain", None),
        ("/v1/models/m", None),
    ],
)
def test_paths(path, called):
    assert P.match("POST", path) == called


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        (b'{"instances":[[1,2],[3,4]]}', [[1, 2], [3, 4]]),
        (b'{"instances":[1,2]}', [[1], [2]]),
        (b'{"instances":[{"a":1,"b":[2,3]}]}', [[1, 2, 3]]),
        (b'{"instances":[{"b64":"aGk="}]}', ["aGk="]),
        (b'{"inputs":{"b":[[3],[4]],"a":[1,2]}}', [[1, 3], [2, 4]]),
        (b'{"inputs":[[1,2]]}', [[1, 2]]),
        (b'{"examples":[{"x":1,"y":2}]}', [[1, 2]]),
    ],
)
def test_rows_and_columns(body, inputs):
    read = P.read_query(body, JSON, SPEC)
    assert (read.inputs if isinstance(read.inputs, list) else read.inputs.tolist()) == inputs
    assert read.rows == len(inputs)


@pytest.mark.parametrize(
    "body",
    [b'{"instances":[[1,NaN]]}', b'{"instances":[[1]],"inputs":[[1]]}', b'{"instances":[[1]],"instances":[[1],[2]]}',
     b'{"instances":[{"a":1,"a":2}]}', b'{"instances":[[1]],"Instances":[[1],[2]]}',
     b'{"inputs":{}}', b'{"instances":5}'],
)  # fmt: skip
def test_refused(body):
    with pytest.raises(Refusal) as refused:
        P.read_query(body, JSON, SPEC)
    assert refused.value.status == 400


def test_another_signature_is_cut():
    body = b'{"signature_name":"hidden","instances":[[1]]}'
    query = P.read_query(body, JSON, SPEC)
    assert query.asked is Exposure.LOGITS
    assert P.clamp(body, query, Exposure.PROBABILITIES) == b'{"instances":[[1]]}'
    assert P.clamp(body, query, Exposure.LOGITS) is body


@pytest.mark.parametrize(
    ("body", "label_only"),
    [
        (b'{"predictions":[[0.25,0.75]]}', b'{"predictions":[[0.0,1.0]]}'),
        (b'{"predictions":[0.75]}', b'{"predictions":[1.0]}'),
        (b'{"predictions":[{"p":[0.25,0.75],"logits":[1.0,3.0]}]}', b'{"predictions":[{"p":[0.0,1.0]}]}'),
        (b'{"outputs":{"p":[[0.25,0.75]],"hidden":[[1.0]]}}', b'{"outputs":{"p":[[0.0,1.0]]}}'),
        (b'{"result":[[["dog",0.75],["cat",0.25]]]}', b'{"result":[[["dog",1.0]]]}'),
    ],
)
def test_answers(body, label_only):
    answer = P.read_answer(body, JSON, Query("m", [], 1, Exposure.PROBABILITIES), SPEC)
    assert answer.top1.tolist() == [1]
    assert P.write_answer(body, JSON, Answer(Exposure.LABEL, labels=answer.top1), SPEC) == label_only


def test_answers_with_nan():
    with pytest.raises(BadAnswer):
        P.read_answer(b'{"predictions":[NaN]}', JSON, Query("m", [], 1, Exposure.PROBABILITIES), SPEC)


def test_recognise():
    assert P.recognise("/v1/models", 200, b'{"models":["a","b"]}') == {"models": ["a", "b"]}
    assert P.recognise("/v1/models/m", 200, b'{"model_version_status":[]}') == {}
    assert P.recognise("/v1/models/m/metadata", 200, b'{"model_spec":{"name":"m"}}') == {"name": "m"}
    assert P.recognise("/v1/models/m", 404, b'{"error":""}') is None


def test_columnar():
    assert columnar(msgspec.json.encode({"a": ["x"], "b": [1]})).shape == (1, 9)
