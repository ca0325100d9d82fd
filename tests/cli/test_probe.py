import http.server
import json
import threading

import numpy as np
import pytest

from wellhead.cli.probe import facts
from wellhead.core.errors import Refusal
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.protocols.open_inference import OpenInference
from wellhead.redteam.outcome import Probed

SPEC, WORDS = ModelSpec(name="m"), OpenInference()
W = np.random.default_rng(7).normal(size=(4, 3))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        known = self.path == "/v2"
        self.reply(200 if known else 404, b'{"name":"s","version":"2.1","extensions":[]}' if known else b"{}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["x-api-key"] != "open":
            return self.reply(403, b"no: " + str(self.headers["x-api-key"]).encode())
        try:
            query = WORDS.read_query(body, self.headers["content-type"], SPEC)
            raw = np.exp(np.asarray(query.inputs, float) @ W)
        except (Refusal, ValueError) as e:
            return self.reply(400, str(e).encode())
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
def url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("pool.npy", np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_a_server_is_recognised_and_probed(url, wellhead, monkeypatch):
    monkeypatch.setenv("MY_KEY", "open")
    argv = ("probe", "--target", url, "--model-name", "m", "--pool", "pool.npy", "--header", "X-API-Key: $MY_KEY")
    code, out, _ = wellhead(*argv, "--json", "--largest", "16")
    told = json.loads(out)
    assert code == 0 and (told["exposure"], told["classes"], told["most_rows"]) == ("probabilities", 3, 16)
    assert any("BaseHTTP" in v for v in told["versions"])
    code, out, _ = wellhead(*argv, "--largest", "0")
    assert code == 0 and "full float64" in out and "rows asked" in out


def test_a_refused_secret_is_not_printed(url, wellhead, monkeypatch):
    monkeypatch.setenv("MY_KEY", "hush-hush")
    argv = ("probe", "--target", url, "--model-name", "m", "--pool", "pool.npy", "--header", "X-API-Key: $MY_KEY")
    code, out, err = wellhead(*argv)
    assert code == 2 and "403" in err and "hush" not in out + err


def test_facts_in_words():
    said = dict(facts(Probed(exposure="probabilities", decimals=3, deterministic=False, missing=True)))
    assert said["precision"] == "3 decimals" and said["same question, three times"] == "different answers"
    assert "precision" not in dict(facts(Probed(exposure="label")))
    assert "classes seen" not in dict(facts(Probed(exposure="value", single=True)))
