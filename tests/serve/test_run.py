"""`wellhead serve` as a real process before a real model server, asked over real sockets."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from processes import PATH, Gate, free_port
from serving import NOW, WIDTH, body_of, predict

from wellhead.audit.entries import records
from wellhead.audit.verify import verify
from wellhead.capture.keys import Holder
from wellhead.core.event import Event, Gap
from wellhead.serve.control import ask
from wellhead.serve.status import Ask


def run_serve(file):
    return subprocess.run([sys.executable, "-m", "wellhead", "serve", "-c", file], capture_output=True, text=True)


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
