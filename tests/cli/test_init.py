import argparse
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wellhead.cli import init
from wellhead.config import Config, load, parse
from wellhead.core.errors import ConfigError

KSERVE = {
    "/v2": b'{"name":"mlserver","version":"1.6","extensions":[]}',
    "/v2/models": b'{"models":["digits"]}',
    "/v2/models/digits": b'{"name":"digits","inputs":[{"name":"x","shape":[-1,64],"datatype":"FP32"}],'
    b'"outputs":[{"name":"p","shape":[-1,10]}]}',
}
SERVERS = {
    "open_inference": KSERVE,
    "tensorflow_serving": {"/v1/models": b'{"models":["m"]}'},
    "mlflow": {"/version": b"2.14.1", "/ping": b"\n"},
    "torchserve": {"/ping": b'{"status":"Healthy"}'},
    "sagemaker": {"/ping": b"", "/execution-parameters": b'{"MaxConcurrentTransforms":8}'},
    "": {"/": b"hello"},
}


@pytest.fixture
def upstream():
    """Start a server of these replies on loopback; gives its URL."""
    servers = []

    def start(replies):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = replies.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("content-length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def run(*words):
    parser = argparse.ArgumentParser()
    init.register(parser.add_subparsers())
    arguments = parser.parse_args(["init", *map(str, words)])
    return arguments.run(arguments)


@pytest.mark.parametrize("protocol", SERVERS)
def test_the_protocol_is_recognised(protocol, upstream, tmp_path, capsys):
    url, file = upstream(SERVERS[protocol]), tmp_path / "wellhead.toml"
    assert run("--upstream", url, "--output", file) == 0
    config = load(file)
    assert config.mode == "observe"
    assert config.upstream.url == url
    assert config.model.protocol == (protocol or "open_inference")
    said = capsys.readouterr().out
    assert (f"speaks {protocol}" if protocol else "no known protocol") in said


def test_what_the_metadata_tell(upstream, tmp_path, capsys):
    file = tmp_path / "w.toml"
    run("--upstream", upstream(KSERVE), "--output", file)
    assert (load(file).model.name, load(file).model.task) == ("digits", "classifier")
    assert "name digits" in capsys.readouterr().out
    assert "[-1, 64]" in file.read_text()


def test_a_named_model(upstream, tmp_path):
    replies = {k: v for k, v in KSERVE.items() if k != "/v2/models"}
    run("--upstream", upstream(replies), "--model", "digits", "--output", tmp_path / "w.toml")
    assert load(tmp_path / "w.toml").model.name == "digits"


def test_a_ping_proves_nothing(upstream, tmp_path, capsys):
    file = tmp_path / "w.toml"
    run("--upstream", upstream({"/ping": b""}), "--output", file, "--model", "digits")
    assert (load(file).model.protocol, load(file).model.name) == (Config().model.protocol, "digits")
    said = capsys.readouterr().out
    assert "answers /ping and no more" in said and "set model.protocol" in said and "speaks" not in said


@pytest.mark.parametrize(
    ("replies", "advice"),
    [
        ({"/v2": KSERVE["/v2"]}, "--model NAME"),
        ({"/ping": b'{"status":"Healthy"}'}, "--model NAME"),
        ({"/v1/models": b'{"models":["a","b"]}'}, "a is guarded, --model chooses another"),
        ({"/version": b"2.14.1"}, None),
        (KSERVE, None),
    ],
)
def test_who_is_guarded_is_said_or_asked(replies, advice, upstream, tmp_path, capsys):
    run("--upstream", upstream(replies), "--output", tmp_path / "w.toml")
    said = capsys.readouterr().out.splitlines()[0]
    assert advice in said if advice else "--model" not in said


def test_an_upstream_that_is_down(upstream, tmp_path, capsys):
    url = upstream({})
    down = url.rsplit(":", 1)[0] + ":1"
    assert run("--upstream", down, "--output", tmp_path / "w.toml") == 0
    assert load(tmp_path / "w.toml").upstream.url == down
    first, second = capsys.readouterr().out.splitlines()
    assert "does not answer" in first
    assert "wrote" in second


def test_what_cannot_be_written_or_asked(tmp_path):
    file = tmp_path / "w.toml"
    file.write_text("mine")
    with pytest.raises(ConfigError, match="--force"):
        run("--output", file)
    assert file.read_text() == "mine"
    with pytest.raises(ConfigError, match="http or https URL"):
        run("--upstream", "file:///etc/passwd", "--output", tmp_path / "x.toml")
    with pytest.raises(ConfigError, match="http or https URL"):
        run("--upstream", "http://127.0.0.1:port", "--output", tmp_path / "x.toml")
    with pytest.raises(ConfigError, match="expected to write"):
        run("--upstream", "http://127.0.0.1:1", "--output", tmp_path / "no" / "x.toml")


def test_every_key_has_its_comment():
    lines = init.text_of(Config(), init.Found("", {}, "a\nb")).splitlines()
    keys = [i for i, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(keys) > 30
    assert all(lines[i - 1].startswith("# ") for i in keys)
    assert parse("\n".join(lines)) == Config()


def test_literals():
    assert init.toml(("a", 'b"\n')) == '["a", "b\\"\\n"]'
    assert init.toml(True) == "true"
    assert init.toml(86400.0) == "86400.0"
    assert parse(f"[model]\nname = {init.toml('x' + chr(127) + chr(0x1F600))}").model.name == "x\x7f\U0001f600"
