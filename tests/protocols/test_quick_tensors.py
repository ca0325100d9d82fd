import json

from wellhead.core.arrays import Flat
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.protocols import quick_tensors

SPEC = ModelSpec(name="m")
TENSOR = {"name": "p", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]}
SHAPED = Answer(Exposure.PROBABILITIES, Flat([0.3, 0.7], (1, 2)))


def body(**more):
    return json.dumps({"model_name": "m", "model_version": "7", "id": "i", "outputs": [TENSOR | more]}).encode()


def test_the_usual_answer_is_read_and_written_without_its_version():
    assert quick_tensors.answer(body(), 1, SPEC).flat == Flat([0.25, 0.75], (1, 2))
    written = json.loads(quick_tensors.written(body(parameters={"content_type": "np", "x": 1}), SHAPED, SPEC))
    assert written == {
        "id": "i",
        "model_name": "m",
        "outputs": [TENSOR | {"data": [0.3, 0.7], "parameters": {"content_type": "np"}}],
    }


def test_anything_else_is_left_to_the_full_reading():
    arrays = Answer(Exposure.PROBABILITIES, SHAPED.scores)
    label = Answer(Exposure.LABEL, Flat([0.0, 1.0], (1, 2)))
    for shaped in (arrays, label, Answer(Exposure.PROBABILITIES, Flat([1.0, 0.0, 0.0], (1, 3)))):
        assert quick_tensors.written(body(), shaped, SPEC) is None
    for odd in (body(datatype="BYTES"), body(shape=[2, 1]), body(name="hidden"), body(data=[0.5, 0.6]), b"{"):
        assert quick_tensors.answer(odd, 1, SPEC) is None
    assert quick_tensors.answer(body(), 2, SPEC) is None
    # two keys alike: as many colons would be needed as there are keys
    request = json.dumps({"inputs": [TENSOR]}).encode()
    assert quick_tensors.inputs(request) is not None
    assert quick_tensors.inputs(request[:-1] + b',"inputs":[]}') is None
    assert quick_tensors.inputs(request[:-1] + b',"outputs":[]}') is None
