import msgspec
import pytest

from wellhead.core.errors import ProtocolError
from wellhead.protocols.outputs import Ranked
from wellhead.protocols.tensors import Tensor, columns_of, inputs_of, output, plain


def tensor(data, shape, datatype, name="x"):
    return Tensor(name, shape, datatype, msgspec.Raw(msgspec.json.encode(data)))


def test_texts_with_a_second_dimension_are_columns():
    assert inputs_of([tensor(["a", "b", "c", "d"], [2, 2], "BYTES")]).shape == (2, 16)
    assert inputs_of([tensor([["a"], ["b"]], [2, 1], "BYTES")]) == ["a", "b"]


def test_an_output_that_comes_twice():
    one = tensor([1], [1], "FP32")
    with pytest.raises(ProtocolError, match="each output once"):
        columns_of([one, one])


def test_a_column_goes_back_into_its_tensor():
    for given in (tensor([1, 0], [2], "INT64"), tensor([0.5, 0.25], [2, 1], "FP32"), tensor(["a", "b"], [2], "BYTES")):
        written = output(given, columns_of([given])["x"])
        assert written["data"] == msgspec.json.decode(given.data)
        assert written["datatype"] == given.datatype


def test_scores_that_do_not_fit_whole_numbers_change_the_datatype():
    given = tensor([1, 0], [1, 2], "UINT8")
    column = columns_of([given])["x"] / 2
    assert output(given, column) == {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.5, 0.0]}


def test_ranked_texts_go_back():
    given = tensor(["0.5:1", "0.25:0"], [1, 2], "BYTES")
    column = columns_of([given])["x"]
    assert isinstance(column, Ranked)
    assert output(given, column)["data"] == ["0.5:1", "0.25:0"]


def test_only_harmless_fields_stay():
    tree = {"id": "7", "model_version": "1", "parameters": {"content_type": "np", "logits": [1.0]}}
    assert plain(tree, ("id", "model_name")) == {"id": "7", "parameters": {"content_type": "np"}}
