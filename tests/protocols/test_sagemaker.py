import pytest

from wellhead.core.errors import BadAnswer, Refusal
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols.sagemaker import SageMaker

P = SageMaker()
SPEC = ModelSpec(name="m", classes=("no", "yes"))
JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"


def asked(rows):
    return Query("m", [], rows, Exposure.PROBABILITIES)


def test_paths():
    assert P.match("POST", "/endpoints/e/invocations") == ("e", "")
    assert P.match("POST", "/invocations") == ("", "")
    assert P.match("POST", "/endpoints/e/async-invocations") is None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"instances":[{"features":[1,2]},{"features":[3,4]}]}', JSON),
        (b'{"instances":[[1,2],[3,4]]}', JSON),
        (b'{"inputs":[[1,2],[3,4]]}', JSON),
        (b"[[1,2],[3,4]]", JSON),
        (b"1,2\n3,4\n", "text/csv; label_size=0"),
        (b'{"features":[1,2]}\n{"features":[3,4]}\n', LINES),
        (b"[1,2]\n[3,4]", LINES),
    ],
)
def test_all_forms_give_the_same_rows(body, content_type):
    query = P.read_query(body, content_type, SPEC)
    assert query.inputs.tolist() == [[1, 2], [3, 4]]


def test_refused():
    for body, content_type, status in ((b"x", "application/x-recordio-protobuf", 415), (b"1,2\n3", CSV, 400),
                                       (b"{}", JSON, 400),
                                       (b'{"a":1,"a":2}', LINES, 400), (b"", LINES, 400)):  # fmt: skip
        with pytest.raises(Refusal) as refused:
            P.read_query(body, content_type, SPEC)
        assert refused.value.status == status


@pytest.mark.parametrize(
    ("body", "content_type", "label_only"),
    [
        (b'{"predictions":[{"score":0.25,"predicted_label":0},{"score":0.75,"predicted_label":1}]}', JSON,
         b'{"predictions":[{"score":0.0,"predicted_label":0},{"score":1.0,"predicted_label":1}]}'),
        (b'{"score":0.25,"predicted_label":0}\n{"score":0.75,"predicted_label":1}\n', LINES,
         b'{"score":0.0,"predicted_label":0}\n{"score":1.0,"predicted_label":1}\n'),
        (b"0.75,0.25\n0.25,0.75\n", CSV, b"1.0,0.0\n0.0,1.0"),
        (b"0.25,0.75", CSV, b"0,1"),
        (b"0.25\n0.75\n", CSV, b"0\n1"),
        (b"no\nyes\n", CSV, b"no\nyes"),
        (b"0.0\n1.0\n", CSV, b"0\n1"),
    ],
)  # fmt: skip
def test_answers(body, content_type, label_only):
    answer = P.read_answer(body, content_type, asked(2), SPEC)
    assert answer.top1.tolist() == [0, 1]
    assert P.write_answer(body, content_type, Answer(Exposure.LABEL, labels=answer.top1), SPEC) == label_only


def test_answers_that_cannot_be_read():
    for body, content_type in ((b"nan\n1", CSV), (b"1,2\n3", CSV), (b"", CSV), (b'{"scores":[]}', JSON), (b"0.5", CSV)):
        with pytest.raises(BadAnswer):
            P.read_answer(body, content_type, asked(2), SPEC)


def test_recognise():
    assert P.recognise("/execution-parameters", 200, b'{"BatchStrategy":"MULTI_RECORD"}') == {}
    for status, body in ((200, b""), (200, b"{}"), (200, b"[]"), (404, b'{"BatchStrategy":"MULTI_RECORD"}')):
        assert P.recognise("/execution-parameters", status, body) is None
    assert P.recognise("/ping", 200, b"\n") is None
    assert P.recognise("/ping", 200, b'{"status":"Healthy"}') is None
