import msgspec
import pytest

from wellhead.core.errors import BadAnswer, Refusal
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols.torchserve import TorchServe

P = TorchServe()
SPEC = ModelSpec(name="m", classes=("tabby", "lynx"))
JSON = "application/json"


def test_paths():
    assert P.match("POST", "/predictions/m") == ("m", "")
    assert P.match("POST", "/predictions/m/2.0") == ("m", "2.0")
    assert P.match("POST", "/explanations/m") is None


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        (b"[1,2,3]", [[1, 2, 3]]),
        (b'{"data":[1,2,3]}', [[1, 2, 3]]),
        (b"[[1,2],[3,4]]", [[1, 2], [3, 4]]),
        (b'"a text"', ["a text"]),
        (b'{"input":["a","b"]}', ["a", "b"]),
        (b'{"inputs":{"x":[1,2]}}', [[1], [2]]),
    ],
)
def test_bodies(body, inputs):
    read = P.read_query(body, JSON, SPEC).inputs
    assert (read if isinstance(read, list) else read.tolist()) == inputs


def test_images_and_unknown_keys_are_refused():
    for content_type, status in (("image/png", 415), (JSON, 400)):
        with pytest.raises(Refusal) as refused:
            P.read_query(b'{"pixels":[1]}', content_type, SPEC)
        assert refused.value.status == status


@pytest.mark.parametrize(
    ("body", "label_only"),
    [
        (b'{"tabby":0.25,"lynx":0.75}', b'{"lynx":1.0}'),
        (b'{"lynx":0.7}', b'{"lynx":1.0}'),
        (b'{"class":"lynx","probability":0.75}', b'{"class":"lynx","probability":1.0}'),
        (b"[0.25,0.75]", b"[0.0,1.0]"),
        (b"0.75", b"1.0"),
        (b"1", b"1"),
        (b'"lynx"', b'"lynx"'),
        (b'{"predictions":[[0.25,0.75]]}', b'{"predictions":[[0.0,1.0]]}'),
    ],
)
def test_answers(body, label_only):
    answer = P.read_answer(body, JSON, Query("m", [], 1, Exposure.PROBABILITIES), SPEC)
    assert answer.top1.tolist() == [1]
    assert P.write_answer(body, JSON, Answer(Exposure.LABEL, labels=answer.top1), SPEC) == label_only


def test_an_unknown_label():
    with pytest.raises(BadAnswer, match="'fox'"):
        P.read_answer(b'{"fox":0.5,"lynx":0.5}', JSON, Query("m", [], 1, Exposure.PROBABILITIES), SPEC)


def test_clamp_and_recognise():
    body = msgspec.json.encode([1])
    assert P.clamp(body, Query("m", [], 1, Exposure.PROBABILITIES), Exposure.LABEL) is body
    assert P.recognise("/ping", 200, b'{"status":"Healthy"}') == {}
    assert P.recognise("/ping", 200, b"") is None
