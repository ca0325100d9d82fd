import contextlib
import json
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.arrays import Flat
from wellhead.core.errors import WellheadError
from wellhead.core.event import Answer, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.protocols import quick, quick_tensors, tensorflow_serving
from wellhead.protocols.open_inference import OpenInference
from wellhead.protocols.tensorflow_serving import TensorFlowServing

JSON = "application/json"
SPECS = (
    ModelSpec(name="m"),
    ModelSpec(name="m", classes=("a", "b")),
    ModelSpec(name="m", classes=("a", "b", "c")),
    ModelSpec(name="m", task="regressor"),
)
SHORTCUTS = (
    (quick_tensors, "inputs"),
    (quick_tensors, "answer"),
    (quick_tensors, "written"),
    (tensorflow_serving, "_quick_inputs"),
    (tensorflow_serving, "_quick_answer"),
)

numbers = st.floats(-1e3, 1e3) | st.sampled_from([0.0, -0.0, 1, 1e38, 3.4e38, 3.41e38, 1e300, np.inf, -np.inf, 2**70])
odd = st.sampled_from([True, "1", "NaN", None, {}, [], [1.0]])
NAMES = st.sampled_from(["x", "probabilities", "predict", "hidden", "logits", "a:b", "score", "[["])
TYPES = st.sampled_from(["FP32", "FP32", "FP64", "INT64", "BOOL", "BYTES", "FP8"])
EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["i", "a:b", 1]),
        "parameters": st.sampled_from([{}, {"content_type": "np"}, {"binary_data_size": 4}, 3]),
        "outputs": st.sampled_from([[], [{"name": "predict"}]]),
        "model_name": st.just("m"),
        "model_version": st.just("7"),
    },
)


def text(tree) -> bytes:
    return json.dumps(tree).replace("Infinity", "1e999").encode()


@st.composite
def simplex(draw):
    """Rows that are probabilities, or nearly."""
    rows, width = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    raw = draw(st.lists(st.lists(st.floats(0.01, 1.0), min_size=width, max_size=width), min_size=rows, max_size=rows))
    off = draw(st.sampled_from([0.0, 0.0, 0.0, 9.98e-4, 1e-3, 1.001e-3, -9.985e-4, -1e-3, 0.1]))
    rows_of = [[x / sum(row) for x in row] for row in raw]
    rows_of[-1][0] += off
    return rows_of


tables = simplex() | st.lists(st.lists(numbers, min_size=2, max_size=3), min_size=1, max_size=3)
some_odd = tables | st.lists(st.lists(numbers | odd, max_size=3), max_size=3)


@st.composite
def tensors(draw):
    table = draw(some_odd)
    cells = [x for row in table for x in row]
    width = len(table[0]) if table else 0
    right = st.sampled_from([[len(table), width], [len(table), width, 1], [len(cells)], [1, len(cells)]])
    shape = draw(right | right | st.lists(st.integers(-1, 3), max_size=3))
    tensor = {
        "name": draw(NAMES),
        "shape": shape,
        "datatype": draw(TYPES),
        "data": draw(st.sampled_from([cells, table])),
    }
    if draw(st.integers(0, 5)) == 0:
        tensor["parameters"] = draw(st.sampled_from([{}, {"content_type": "np"}, {"shared_memory_region": "r"}, 3]))
    if draw(st.integers(0, 9)) == 0:
        tensor.pop(draw(st.sampled_from(sorted(tensor))))
    return tensor


@st.composite
def v2(draw, carrier):
    several = [draw(tensors()) for _ in range(draw(st.sampled_from([1, 1, 1, 1, 0, 2])))]
    body = text({**draw(EXTRAS), carrier: several})
    # a key twice, or under another case
    return body[:-1] + draw(st.sampled_from([b"", b"", b"", b',"Inputs":[]', b',"id":"j"', b',"inputs":[]'])) + b"}"


@st.composite
def v1(draw, carrier):
    more = draw(st.sampled_from([{}, {}, {}, {"signature_name": "s"}, {"outputs": [[1.0]]}]))
    return text({carrier: draw(some_odd | st.lists(numbers, max_size=3)), **more})


FAMILIES = {"open_inference": (OpenInference(), v2("inputs"), v2("outputs"))}
FAMILIES["tensorflow_serving"] = (TensorFlowServing(), v1("instances"), v1("predictions"))


@contextlib.contextmanager
def slowly():
    with contextlib.ExitStack() as stack:
        for module, name in SHORTCUTS:
            stack.enter_context(mock.patch.object(module, name, lambda *_: None))
        yield


def seen(function, *arguments):
    """What a reading gives, in comparable form."""
    try:
        found = function(*arguments)
    except WellheadError as e:
        return type(e), str(e)
    if isinstance(found, Query):
        return found.model, found.rows, found.asked, exact(found.inputs)
    if isinstance(found, Answer):
        return found.kind, exact(found.scores), exact(found.labels), exact(found.values)
    return found


def exact(array):
    return (array.shape, array.dtype, array.tobytes()) if isinstance(array, np.ndarray) else array


def both(function, *arguments):
    fast = seen(function, *arguments)
    with slowly():
        assert fast == seen(function, *arguments)


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), spec=st.sampled_from(SPECS))
def test_a_quick_query_is_the_query(family, data, spec):
    protocol, queries, _ = FAMILIES[family]
    both(protocol.read_query, data.draw(queries), JSON, spec)


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), spec=st.sampled_from(SPECS), rows=st.integers(1, 3))
def test_a_quick_answer_is_the_answer(family, data, spec, rows):
    protocol, _, answers = FAMILIES[family]
    both(protocol.read_answer, data.draw(answers), JSON, Query("m", [], rows, Exposure.PROBABILITIES), spec)


@pytest.mark.parametrize("off", [0.0, 9.98e-4, 9.995e-4, 1e-3, 1.0005e-3, -9.98e-4, -1e-3, -1.0005e-3])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_border_of_probabilities_is_where_it_was(family, off):
    row = [0.25, 0.75 + off]
    tensor = {"name": "p", "shape": [1, 2], "datatype": "FP32", "data": row}
    body = {"open_inference": {"outputs": [tensor]}, "tensorflow_serving": {"predictions": [row]}}[family]
    both(FAMILIES[family][0].read_answer, text(body), JSON, Query("m", [], 1, Exposure.PROBABILITIES), SPECS[0])


@given(v2("outputs"), simplex(), st.sampled_from(SPECS))
def test_a_quickly_written_answer_is_the_written_answer(body, shaped, spec):
    flat = Flat([x for row in shaped for x in row], (len(shaped), len(shaped[0])))
    protocol = OpenInference()
    fast = seen(protocol.write_answer, body, JSON, Answer(Exposure.PROBABILITIES, flat), spec)
    with slowly():
        assert fast == seen(protocol.write_answer, body, JSON, Answer(Exposure.PROBABILITIES, flat), spec)


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 0.1]}]}, (1, 2)),
        ({"inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2]}], "id": "7"}, (2, 1)),
        ({"inputs": [{"name": "x", "shape": [2, 1], "datatype": "FP32", "data": [[1], [2]]}]}, (2, 1)),
    ],
)
def test_the_usual_request_is_read_quickly(body, shape):
    found = quick_tensors.inputs(text(body))
    assert found.shape == shape and found.array("<f4").dtype == np.float32


def test_rows_are_joined():
    assert quick.joined([[1.0, 2.0], [3.0, 4.0]]) == ([1.0, 2.0, 3.0, 4.0], (2, 2))
    assert quick.joined([]) is quick.joined([[]]) is quick.joined([[1.0], [1.0, 2.0]]) is None


def test_much_is_left_to_the_full_reading():
    many = [0.0] * (quick.MOST_NUMBERS + 1)
    assert quick.inputs(many, (1, len(many))) is None
    assert quick.inputs([float("nan")], (1, 1)) is None
    assert quick.decoder(list[int])(b"[1" + b" " * quick.MOST_BYTES + b"]") is None
    assert quick.probabilities("p", [1.0, *many], (1, len(many) + 1), SPECS[0]) is None
