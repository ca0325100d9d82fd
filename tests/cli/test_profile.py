import http.server
import threading

import numpy as np
import pytest

from wellhead.cli.profile import describe, read_inputs
from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.meter.codebook import fit_codebook
from wellhead.protocols.open_inference import OpenInference

SPEC, WORDS = ModelSpec(name="digits"), OpenInference()
CENTRES = np.random.default_rng(5).normal(size=(8, 3))


class Model(http.server.BaseHTTPRequestHandler):
    """A softmax over three classes that speaks the Open Inference Protocol and wants the token `open`."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["authorization"] != "Bearer open":
            return self.reply(403, b'{"error": "no"}')
        query = WORDS.read_query(body, "application/json", SPEC)
        raw = np.exp(2 * np.asarray(query.inputs).reshape(query.rows, -1) @ CENTRES)
        answer = Answer(Exposure.PROBABILITIES, scores=raw / raw.sum(axis=1, keepdims=True))
        return self.reply(200, WORDS.write_reply(answer, query, SPEC))

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream(place):
    """A real model server, and a config file that names it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    (place / "wellhead.toml").write_text(
        f'[audit]\ndirectory = "log"\n[model]\nname = "digits"\n[upstream]\nurl = "http://127.0.0.1:{server.server_port}"\n'
    )
    np.save(place / "inputs.npy", np.random.default_rng(1).normal(size=(240, 8)).astype(np.float32))
    yield place
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def quick(monkeypatch):
    """Fitting without the real learners, which is what takes long."""
    monkeypatch.setattr("wellhead.serve.profiles.learners", lambda _: {})


def save(place, name, array):
    np.save(place / name, array, allow_pickle=True)
    return place / name


def test_numbers_come_from_npy_and_csv_and_texts_from_txt(tmp_path):
    table = np.arange(6, dtype=np.float32).reshape(2, 3)
    (tmp_path / "a.csv").write_text("0,1,2\n3,4,5\n")
    (tmp_path / "a.txt").write_text("hello\n\ntäglich\n", encoding="utf-8")
    for file in (save(tmp_path, "a.npy", table.astype(np.int64)), tmp_path / "a.csv"):
        np.testing.assert_array_equal(read_inputs(file), table)
        assert read_inputs(file).dtype == np.float32
    assert read_inputs(tmp_path / "a.txt") == ["hello", "täglich"]


def test_one_line_of_csv_is_one_input(tmp_path):
    (tmp_path / "a.csv").write_text("0,1,2\n")
    assert read_inputs(tmp_path / "a.csv").shape == (1, 3)


def test_pictures_keep_their_shape(tmp_path):
    assert read_inputs(save(tmp_path, "a.npy", np.zeros((2, 8, 8)))).shape == (2, 8, 8)


@pytest.mark.parametrize(
    "array",
    [np.zeros(3), np.zeros((0, 3)), np.array([[np.nan]]), np.array([[np.inf]]), np.array([[1e300]]), np.array([["a"]]),
     np.array([[{}]], dtype=object)],
    ids=["one dimension", "empty", "nan", "inf", "too large", "text", "objects"],
)  # fmt: skip
def test_what_is_no_table_of_finite_numbers_names_the_file(tmp_path, array):
    with pytest.raises(ConfigError, match="a.npy"):
        read_inputs(save(tmp_path, "a.npy", array))


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.npy", b"garbage"), ("a.npy", b""), ("a.csv", b"a,b\n"), ("a.csv", b"1,2\n3\n"), ("a.csv", b""),
     ("a.csv", b"\xff"), ("a.txt", b"\xff"), ("a.txt", b"\n"), ("a.npz", b"PK\x03\x04garbage"), ("a.pdf", b"%PDF")],
)  # fmt: skip
def test_garbage_is_one_clear_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=name) as caught:
        read_inputs(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_no_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match="none.npy"):
        read_inputs(tmp_path / "none.npy")


def test_a_profile_is_fitted_on_a_real_servers_answers_and_shown(upstream, quick, wellhead):
    code, out, err = wellhead("profile", "fit", "inputs.npy", "--key", "open")
    assert (code, err) == (0, "")
    assert "of classifier digits: vector inputs, D = " in out
    code, shown, _ = wellhead("profile", "show")
    assert code == 0
    assert shown.splitlines() == out.splitlines()[-len(shown.splitlines()) :]


def test_another_models_profile_is_refused(upstream, quick, wellhead):
    assert wellhead("profile", "fit", "inputs.npy", "--key", "open")[0] == 0
    config = upstream / "wellhead.toml"
    config.write_text(config.read_text().replace('"digits"', '"faces"'))
    code, out, err = wellhead("profile", "show")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "`faces`" in err
    assert "`digits`" in err


def test_a_server_that_refuses_is_one_line_with_its_status(upstream, quick, wellhead):
    code, _, err = wellhead("profile", "fit", "inputs.npy", "--key", "wrong")
    assert (code, err.count("\n")) == (2, 1)
    assert "got 403" in err
    assert "wrong" not in err


def test_no_server_is_one_line(place, wellhead):
    (place / "wellhead.toml").write_text('[upstream]\nurl = "http://127.0.0.1:1"\n')
    np.save(place / "inputs.npy", np.zeros((2, 3), np.float32))
    code, _, err = wellhead("profile", "fit", "inputs.npy")
    assert (code, err.count("\n")) == (2, 1)
    assert "start the model server" in err


def test_a_host_that_is_not_this_one_needs_its_owners_word(place, wellhead):
    (place / "wellhead.toml").write_text('[upstream]\nurl = "http://192.0.2.1"\n')
    np.save(place / "inputs.npy", np.zeros((2, 3), np.float32))
    code, _, err = wellhead("profile", "fit", "inputs.npy")
    assert code == 2
    assert "--authorised-by" in err


def test_no_profile_yet_says_how_to_get_one(place, wellhead):
    code, out, err = wellhead("profile", "show")
    assert (code, out) == (2, "")
    assert "wellhead profile fit" in err


def test_too_few_inputs_are_one_line(upstream, quick, wellhead):
    np.save(upstream / "inputs.npy", np.zeros((2, 8), np.float32))
    code, _, err = wellhead("profile", "fit", "inputs.npy", "--key", "open")
    assert (code, err.count("\n")) == (2, 1)


def test_a_profile_is_described_in_words():
    class Profile:
        id, spec, kind, dimension, floor, attainable, check = "ab", SPEC, "vector", 64, 0.1, 0.94, "unchecked"
        reference = (1, 2)
        codebook = None

    first, second, third, fourth = describe(Profile())
    assert first == "profile ab of classifier digits: vector inputs, D = 64"
    assert "2 rows; guessing agrees with 10.0 % of them, the best clone with 94.0 %" in second
    assert third == "self-check: unchecked"
    assert fourth == "codebook: none, since the sample's answers held no probabilities"
    Profile.codebook = fit_codebook(np.random.default_rng(0).dirichlet(np.ones(3), 60))
    assert describe(Profile())[3].startswith("codebook: ") and "of the sample" in describe(Profile())[3]
