import argparse
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import numpy as np
import pytest

from wellhead.cli.http_target import accounts_of, open_http
from wellhead.cli.target import add_inputs, add_target
from wellhead.core.errors import ConfigError
from wellhead.redteam.outcome import Study

WEIGHTS = np.array([[1.0, -1.0, 0.5], [0.3, 0.8, -2.0], [-1.0, 0.2, 0.7]])


def probabilities(x):
    p = np.exp(x @ WEIGHTS)
    return p / p.sum(axis=1, keepdims=True)


@contextlib.contextmanager
def serving(answer, knows=()):
    """A server whose POST answers what `answer(path, tree)` returns, None for a 404; knows: GET paths and replies."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def say(self, tree):
            body = tree if isinstance(tree, bytes) else json.dumps(tree or "gone").encode()
            self.send_response(404 if tree is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.say(dict(knows).get(self.path))

        def do_POST(self):
            self.say(answer(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a client may hang up at any time
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("pool.npy", np.random.default_rng(1).normal(size=(300, 3)).astype(np.float32))
    return tmp_path


def parsed(*argv):
    parser = argparse.ArgumentParser()
    add_target(parser)
    add_inputs(parser)
    return parser.parse_args(list(argv))


def study(wellhead, url, *more):
    argv = ("attack", "--target", url, "--pool", "pool.npy", "--budget", "150", "--attacks", "random", "--json", *more)
    code, out, err = wellhead(*argv)
    assert code == 0, err
    return msgspec.json.decode(out.encode(), type=Study), err


def test_headers_come_from_the_environment_and_keys_from_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "secret")
    keys = tmp_path / "keys"
    keys.write_text("one\ntwo\n\nthree\n")
    found = accounts_of(parsed("--keys", str(keys), "--accounts", "2", "--header", "X-Plan: $API_TOKEN"))
    assert [(a.name, a.token, a.headers) for a in found] == [
        ("key-1", "one", {"X-Plan": "secret"}),
        ("key-2", "two", {"X-Plan": "secret"}),
    ]
    own = accounts_of(parsed("--keys", str(keys), "--header", "X-API-Key: $KEY"))
    assert [(a.token, a.headers["X-API-Key"]) for a in own] == [("", "one"), ("", "two"), ("", "three")]


@pytest.mark.parametrize(
    "argv",
    [
        ("--header", "no colon"),
        ("--header", "X: $NOT_SET_ANYWHERE"),
        ("--keys", "/none"),
        ("--accounts", "2"),
        ("--header", "bad name: x"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_the_secret(argv):
    with pytest.raises(ConfigError):
        accounts_of(parsed(*argv))


def test_remote_targets_need_authorisation_and_an_owner():
    for more in ((), ("--i-am-authorised",), ("--owner", "Ada")):
        with pytest.raises(ConfigError, match="--i-am-authorised --owner"):
            open_http(parsed("--target", "http://192.0.2.1:9", *more))


def test_a_server_that_speaks_nothing_known_needs_its_protocol_named():
    with serving(lambda path, tree: None) as url, pytest.raises(ConfigError, match="--protocol"):
        open_http(parsed("--target", url))


def test_keyless_accounts_are_the_policys_alone():
    arguments = parsed("--accounts", "3")
    arguments.policy = Path("wellhead.toml")
    assert [a.name for a in accounts_of(arguments)] == ["anonymous"]


@pytest.mark.parametrize("url", ["http://bob:s3cret@127.0.0.1:9/", "http://127.0.0.1:9/?api_key=s3cret"])
@pytest.mark.parametrize("command", ["attack", "probe", "invert"])
def test_secrets_in_the_url_are_refused_without_repeating_them(wellhead, here, url, command):
    code, out, err = wellhead(command, "--target", url, "--pool", "pool.npy")
    assert code == 2 and out == "" and err.count("\n") == 1
    assert "--header" in err and "$VAR" in err and "s3cret" not in err
    assert [f.name for f in here.iterdir()] == ["pool.npy"]


def test_a_server_that_is_down_is_said(here):
    for more in ((), ("--protocol", "mlflow")):
        with pytest.raises(ConfigError, match="refused"):
            open_http(parsed("--target", "http://127.0.0.1:1", *more))


def test_a_mapped_api_is_attacked_by_the_pointers_of_a_config(wellhead, here):
    def answer(path, tree):
        return {"result": {"p": probabilities(np.array(tree["rows"])).tolist()}} if path == "/guess" else None

    (here / "wellhead.toml").write_text(
        '[model]\nprotocol = "generic"\nclasses = ["a", "b", "c"]\n'
        '[model.pointers]\npath = "/guess"\ninputs = "/rows"\nscores = "/result/p"\n'
    )
    with serving(answer) as url:
        found, _ = study(wellhead, url, "--config", "wellhead.toml")
        with pytest.raises(ConfigError, match="--config"):
            open_http(parsed("--target", url, "--protocol", "generic"))
    assert found.outcomes[0].state == "ok" and found.probed.exposure == "probabilities" and found.probed.classes == 3


def values(path, tree):
    told = np.array(tree["inputs"]) @ WEIGHTS[:, 0] * 4
    return {"predictions": told.tolist()} if path == "/invocations" else None


def test_a_regressor_is_recognised_by_its_numbers_or_named(wellhead, here):
    with serving(values, {"/version": b"2.14.0"}) as url:
        found, err = study(wellhead, url, "--out", "shown")
        assert found.probed.exposure == "value" and found.task == "regressor" and "--task classifier" in err
        named, err = study(wellhead, url, "--out", "named", "--task", "regressor", "--protocol", "mlflow")
        assert named.task == "regressor" and err == "" and found.outcomes[0].state == named.outcomes[0].state == "ok"
        other, _ = study(wellhead, url, "--out", "other", "--task", "classifier")
        assert other.task == "classifier"
    assert "R2" in (here / "shown" / "report.md").read_text() or "R²" in (here / "shown" / "report.md").read_text()


@pytest.mark.parametrize("told", [probabilities, lambda x: probabilities(x).argmax(axis=1)])
def test_classifiers_stay_classifiers(here, told):
    def answer(path, tree):
        return {"predictions": told(np.array(tree["inputs"])).tolist()}

    with serving(answer, {"/version": b"2.14.0"}) as url:
        assert open_http(parsed("--target", url, "--pool", "pool.npy")).spec.task == "classifier"


def test_a_regressor_of_the_open_protocol(here):
    def answer(path, tree):
        data = (np.array(tree["inputs"][0]["data"]).reshape(tree["inputs"][0]["shape"]) @ WEIGHTS[:, 0] * 4).tolist()
        return {
            "model_name": "m",
            "outputs": [{"name": "predict", "datatype": "FP64", "shape": [len(data)], "data": data}],
        }

    with serving(answer) as url:
        argv = ("--target", url, "--protocol", "open_inference", "--pool", "pool.npy")
        assert open_http(parsed(*argv)).spec.task == "regressor"


def test_a_wrong_name_of_the_model_points_to_its_option(here):
    argv = ("--protocol", "open_inference", "--pool", "pool.npy", "--model-name", "mine")
    with serving(lambda path, tree: None) as url, pytest.raises(ConfigError, match="'mine'.*--model-name"):
        open_http(parsed("--target", url, *argv))
