"""`wellhead serve` as a real process before a real model server, asked over real sockets."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from serving import NOW, WIDTH, body_of, predict

from wellhead.audit.entries import records
from wellhead.audit.verify import verify
from wellhead.capture.keys import Holder
from wellhead.core.event import Event, Gap
from wellhead.serve.control import ask
from wellhead.serve.status import Ask

PATH = "/v2/models/m/infer"


class ModelHandler(BaseHTTPRequestHandler):
    """An ordinary model server; the first input number chooses how it behaves."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        data = json.loads(body)["inputs"][0]["data"]
        mood = self.server.mood
        if mood == "garbage":
            return self._send(b"\x00\xff not json")
        if mood == "lies":
            self.send_response(200)
            self.send_header("content-length", "5000")
            self.end_headers()
            self.wfile.write(b"{}")
            self.close_connection = True
            return None
        if mood == "slow":
            time.sleep(3)
        p = predict(data)
        out = {"name": "p", "shape": list(p.shape), "datatype": "FP64", "data": p.ravel().tolist()}
        return self._send(json.dumps({"model_name": "m", "outputs": [out]}).encode())

    def _send(self, body):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelHandler)
    server.daemon_threads = True
    server.mood = ""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run_serve(file):
    return subprocess.run([sys.executable, "-m", "wellhead", "serve", "-c", file], capture_output=True, text=True)


class Gate:
    """A `wellhead serve` process."""

    def __init__(self, place, upstream_port, extra=""):
        self.place, self.port = place, free_port()
        self.file = place.folder / "wellhead.toml"
        self.file.write_text(
            f'mode = "enforce"\n[listen]\nport = {self.port}\n[upstream]\nurl = "http://127.0.0.1:{upstream_port}"\n'
            f'read_timeout_s = 1.0\n[model]\nname = "m"\n[access]\nkeys = "{place.folder}/keys.json"\n'
            f'[audit]\ndirectory = "{place.folder}/log"\nkey = "{place.folder}/log.key"\n{extra}'
        )
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "wellhead", "serve", "-c", str(self.file)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.05)
        raise AssertionError("the gate does not listen")

    def post(self, token, inputs=None, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        body = body_of(np.ones(WIDTH) if inputs is None else inputs) if body is None else body
        connection.request("POST", PATH, body, {"x-api-key": token, "content-type": "application/json", **headers})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, answer

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=30)
        return said


@pytest.fixture
def gate(place, upstream):
    gate = Gate(place, upstream.server_port)
    yield gate
    if gate.process is not None and gate.process.poll() is None:
        gate.stop()


def events(place):
    return [r for _, r in records(place.folder / "log") if isinstance(r, Event)]


def test_a_day_with_a_gate(gate, place):
    token = place.token("ann")
    gate.start()
    status, answer = gate.post(token)
    assert status == 200
    assert np.allclose(json.loads(answer)["outputs"][0]["data"], predict(np.ones(WIDTH))[0])
    assert gate.post("nonsense")[0] == 401
    time.sleep(0.3)
    said = ask(str(place.folder / "log"), Ask(ask="status")).status
    assert (said.requests, said.rows, said.refused) == (2, 1, 1)
    assert "Traceback" not in gate.stop()
    assert gate.process.returncode in (0, -signal.SIGTERM)
    report = verify(place.folder / "log")
    assert report.integrity.outcome == "pass"
    assert [e.status for e in events(place)] == [200, 401]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"null", 400),
        (b'{"inputs": []}', 400),
        (b'{"inputs":[{"name":"x","shape":[2,6],"datatype":"FP64","data":[1,2,3]}]}', 400),
        (b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[NaN,1]}]}', 400),
        (b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[1e999,1]}]}', 400),
        (b'{"inputs":[{"name":"x","shape":[1,-2],"datatype":"FP64","data":[1,1]}]}', 400),
        (b"[" * 100_000, 400),
    ],
)
def test_bad_bodies_get_one_clear_line_and_are_logged(place, upstream, body, status):
    token = place.token("ann")
    gate = Gate(place, upstream.server_port).start()
    got, said = gate.post(token, body=body)
    gate.stop()
    assert got == status
    assert "expected" in json.loads(said)["error"]
    assert [e.status for e in events(place)] == [status]


def test_other_bad_requests(gate, place):
    token = place.token("ann")
    gate.start()
    assert gate.post(token, **{"content-type": "image/png"})[0] == 415
    big = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=10)
    big.putrequest("POST", PATH)
    for name, value in (("x-api-key", token), ("content-type", "application/json"), ("content-length", "104857600")):
        big.putheader(name, value)
    big.endheaders()
    assert big.getresponse().status == 413
    big.close()
    rows = np.ones((257, WIDTH))
    assert gate.post(token, rows)[0] == 413
    for path in ("/v2/models/m/secret", "/v2/models/junk/infer", "/v2/models/m/versions/7/infer"):
        c = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=10)
        c.request("POST", path, body_of(np.ones(WIDTH)), {"x-api-key": token, "content-type": "application/json"})
        assert c.getresponse().status == 404, path
        c.close()


@pytest.mark.parametrize(("mood", "status"), [("garbage", 502), ("lies", 502), ("slow", 504), ("", 200)])
def test_an_upstream_that_misbehaves(gate, place, upstream, mood, status):
    token = place.token("ann")
    upstream.mood = mood
    gate.start()
    got, body = gate.post(token)
    assert got == status
    assert b"not json" not in body
    gate.stop()
    assert [e.status for e in events(place)] == [status]


def test_an_upstream_that_is_down_and_comes_back(place):
    token = place.token("ann")
    gate = Gate(place, free_port()).start()
    got, body = gate.post(token)
    gate.stop()
    assert got in (502, 503)
    assert "error" in json.loads(body)


def test_sigkill_loses_nothing_without_saying_so(gate, place):
    token = place.token("ann")
    gate.start()
    for _ in range(40):
        assert gate.post(token)[0] == 200
    gate.stop(signal.SIGKILL)
    gate.start()
    gate.stop()
    gaps = [r for _, r in records(place.folder / "log") if isinstance(r, Gap)]
    answered = sum(1 for e in events(place) if e.status == 200)
    assert answered + sum(g.events for g in gaps) == 40
    assert verify(place.folder / "log").integrity.outcome == "pass"


def test_sigterm_answers_what_is_in_flight(gate, place, upstream):
    token = place.token("ann")
    gate.file.write_text(gate.file.read_text().replace("read_timeout_s = 1.0", "read_timeout_s = 10.0"))
    gate.start()
    upstream.mood = "slow"
    got = []
    asking = threading.Thread(target=lambda: got.append(gate.post(token)[0]))
    asking.start()
    time.sleep(0.5)
    gate.stop()
    asking.join()
    assert got == [200]
    assert [e.status for e in events(place)] == [200]


def test_a_port_in_use_and_a_wrong_config_are_one_line(place, upstream):
    gate = Gate(place, upstream.server_port)
    with socket.socket() as s:
        s.bind(("127.0.0.1", gate.port))
        s.listen()
        done = subprocess.run(
            [sys.executable, "-m", "wellhead", "serve", "-c", gate.file], capture_output=True, text=True
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr and "listen.port" in done.stderr
    gate.file.write_text("[limits]\nrows_per_minut = 3\n")
    done = run_serve(gate.file)
    assert done.returncode == 2
    assert "did you mean `rows_per_minute`?" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_thief_found_in_observe_mode_is_closed_when_enforce_mode_starts(gate, place):
    place.fit()
    token, rng = place.token("thief"), np.random.default_rng(1)
    text = gate.file.read_text()
    gate.file.write_text(text.replace("enforce", "observe"))
    gate.start()
    assert all(gate.post(token, rng.normal(size=(32, WIDTH)))[0] == 200 for _ in range(16))
    time.sleep(0.3)
    gate.stop()
    gate.file.write_text(text)
    gate.start()
    assert gate.post(token, rng.normal(size=(1, WIDTH)))[0] == 429
    gate.stop()


def test_a_key_that_expires_or_is_revoked_is_refused(gate, place):
    expired = place.keys.add(Holder(owner="old", expires_s=int(NOW - 100_000_000)), NOW - 200_000_000)
    revoked = place.keys.add(Holder(owner="bob"), NOW)
    place.keys.revoke(revoked.split("_")[1], NOW)
    gate.start()
    assert gate.post(expired)[0] == gate.post(revoked)[0] == 401
