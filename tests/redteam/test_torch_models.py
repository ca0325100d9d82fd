import sys

import numpy as np
import pytest

from wellhead.core.errors import ConfigError, MissingExtra
from wellhead.core.exposure import Exposure
from wellhead.redteam.targets import open_held
from wellhead.redteam.torch_models import load

pytestmark = pytest.mark.filterwarnings("ignore")
X = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)


def test_torch_is_missed_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"wellhead\[torch\]"):
        load(tmp_path / "a.pt")


def test_modules_files_and_what_is_pickled(tmp_path):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.5), torch.nn.Softmax(dim=1))
    answer = open_held(net, "net").model(X)
    assert answer.kind is Exposure.PROBABILITIES
    assert np.array_equal(answer.scores, open_held(net, "net").model(X).scores)  # evaluation mode
    torch.jit.save(torch.jit.trace(net.eval(), torch.zeros(2, 4)), str(tmp_path / "a.pt"))
    assert np.allclose(load(tmp_path / "a.pt").model(X).scores, answer.scores)
    torch.save(net, tmp_path / "b.pt")
    with pytest.raises(ConfigError, match="TorchScript"):
        load(tmp_path / "b.pt")


def test_one_output_is_a_value_and_integers_are_labels():
    torch = pytest.importorskip("torch")
    assert open_held(torch.nn.Linear(4, 1), "net").model(X).kind is Exposure.VALUE

    class Best(torch.nn.Module):
        def forward(self, x):
            return x.argmax(dim=1)

    assert open_held(Best(), "net").model(X).labels.tolist() == X.argmax(axis=1).tolist()


@pytest.mark.parametrize("rows", ["any", 1, 3])
def test_an_exported_program_is_asked_in_the_rows_that_it_takes(tmp_path, rows):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.5), torch.nn.Softmax(dim=1)).eval()
    shapes = ({0: torch.export.Dim("n", min=1, max=512)},) if rows == "any" else None
    example = torch.zeros(2 if rows == "any" else rows, 4)
    torch.export.save(torch.export.export(net, (example,), dynamic_shapes=shapes), tmp_path / "a.pt2")
    opened = load(tmp_path / "a.pt2")
    with torch.no_grad():
        expected = net(torch.from_numpy(X)).numpy()
    assert opened.shape == (4,) and np.allclose(opened.model(X).scores, expected, atol=1e-6)
    assert opened.model(X[:1]).scores.shape == (1, 3)


def test_what_torch_says_of_a_file_is_one_clean_line(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "a.pt").write_bytes(b"junk")
    with pytest.raises(ConfigError, match="no zip archive; save with"):
        load(tmp_path / "a.pt")
