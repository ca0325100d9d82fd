import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from wellhead.core.errors import ConfigError, MissingExtra
from wellhead.core.exposure import Exposure
from wellhead.redteam import targets
from wellhead.redteam.targets import is_url, open_local

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_urls():
    assert is_url("http://a") and is_url("https://a") and not is_url("model.onnx")


def test_an_object_in_a_file_and_in_a_package(place):
    (place / "mine.py").write_text("class A:\n    def f(self, x):\n        return x.sum(axis=1)\nheld = A()\n")
    opened, name = open_local("mine.py:held.f")
    assert opened.model(X).shape == (60,)
    assert name.startswith("mine.py:held.f#")
    _, same = open_local("mine:held.f")
    assert same.split("#")[1] == name.split("#")[1]
    (place / "mine.py").write_text("held = print\n")
    assert open_local("mine.py:held")[1] != name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model.pkl", "runs no code"),
        ("model.joblib", "module:object"),
        ("nothing.onnx", "expected a model file at nothing.onnx, got no such file"),
        ("ftp://a:b@c/x.onnx", "another scheme"),
        ("no_such_module_x:y", "expected a module"),
        ("json:nothing", "expected 'nothing' in json"),
        ("none.py:x", "expected a Python file"),
        ("gone", "expected a URL"),
    ],
)
def test_what_is_no_target_is_said(place, text, said):
    with pytest.raises(ConfigError, match=said):
        open_local(text)


def test_unknown_and_damaged_files(place):
    (place / "a.bin").write_bytes(b"x")
    (place / "a.txt").write_text("hello")
    for name, said in (("a.bin", "expected a model in"), ("a.txt", "LightGBM")):
        with pytest.raises(ConfigError, match=said):
            open_local(name)


@pytest.mark.parametrize("name", ["a.onnx", "a.skops", "a.json", "a.ubj", "a.pt", "a.pt2"])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_model_is_an_error_in_one_line(place, name):
    (place / name).write_bytes(b"{}" if name == "a.json" else b"junk")
    try:
        with pytest.raises(ConfigError, match="expected"):
            open_local(name)
    except MissingExtra as e:
        pytest.skip(str(e))


def test_skops_holds_trusted_types_only(place):
    io = pytest.importorskip("skops.io")
    model = LogisticRegression().fit(X, Y)
    io.dump(model, place / "m.skops")
    opened, _ = open_local("m.skops")
    assert np.array_equal(opened.model(X).scores, model.predict_proba(X.astype(float)))
    io.dump(FunctionTransformer(np.fft.fft), place / "bad.skops")
    with pytest.raises(ConfigError, match="trusted types only"):
        open_local("bad.skops")


@pytest.mark.filterwarnings("ignore")
def test_xgboost_and_lightgbm_files(place):
    xgboost, lightgbm = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, Y), 3)
    booster.save_model(place / "m.json")
    booster.save_model(place / "m.ubj")
    light = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, Y), 3)
    light.save_model(place / "m.txt")
    for name in ("m.json", "m.ubj", "m.txt"):
        answer = open_local(name)[0].model(X)
        assert answer.kind is Exposure.PROBABILITIES and answer.scores.shape == (60, 2)


def test_a_missing_package_names_the_extra(place, monkeypatch):
    def lacking(name):
        raise ImportError(name)

    (place / "m.onnx").write_bytes(b"x")
    monkeypatch.setattr(targets.importlib, "import_module", lacking)
    with pytest.raises(MissingExtra, match=r"wellhead\[models\]"):
        open_local("m.onnx")
