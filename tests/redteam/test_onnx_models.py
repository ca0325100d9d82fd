import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.core.exposure import Exposure
from wellhead.redteam.onnx_models import answer_of
from wellhead.redteam.targets import open_local

W = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
X = np.random.default_rng(1).normal(size=(7, 4)).astype(np.float32)


def test_a_file_is_run(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    h, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [h.make_node("MatMul", ["x", "w"], ["z"]), h.make_node("Softmax", ["z"], ["p"], axis=1)]
    graph = h.make_graph(
        nodes,
        "g",
        [h.make_tensor_value_info("x", kind, [None, 4])],
        [h.make_tensor_value_info("p", kind, [None, 3])],
        [onnx.numpy_helper.from_array(W, "w")],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(tmp_path / "m.onnx"))
    opened, _ = open_local(str(tmp_path / "m.onnx"))
    powers = np.exp(X @ W)
    assert opened.shape == (4,)
    assert np.allclose(opened.model(X).scores, powers / powers.sum(axis=1, keepdims=True), atol=1e-6)


def test_the_outputs_of_converters_are_known():
    labels, table = np.array([1, 0]), np.array([[0.2, 0.8], [0.7, 0.3]], np.float32)
    assert answer_of([labels, table], 2).kind is Exposure.PROBABILITIES
    maps = [{0: 0.2, 1: 0.8}, {0: 0.7, 1: 0.3}]
    assert np.array_equal(answer_of([labels, maps], 2).scores, [[0.2, 0.8], [0.7, 0.3]])
    assert answer_of([labels], 2).labels.tolist() == [1, 0]
    assert answer_of([np.array([[1.5], [2.5]])], 2).values.tolist() == [1.5, 2.5]


def test_a_damaged_file(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "m.onnx").write_bytes(b"junk")
    with pytest.raises(ConfigError, match="expected an ONNX model"):
        open_local(str(tmp_path / "m.onnx"))
