"""A policy with defences by plan and by stance, and grades, in a real proxy before a real model server on loopback."""

import json
import shutil
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer

import numpy as np
import pytest
from processes import Gate, ModelHandler
from serving import WIDTH, Place, predict

from wellhead.audit.entries import records
from wellhead.core.event import Event
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Decision, Stance
from wellhead.serve.control import ask
from wellhead.serve.status import Ask

POLICY = """
[exposure]
answers = ["round:2"]
[plans.gold.exposure]
answers = []
[plans.bronze.exposure]
answers = ["modelguard_s", "top_k:3", "round:2"]
[stances.watch]
answers = ["label_only"]
[stances.delay]
delay_s = [0.0, 0.01]
[valve]
max_drawn = 1.0
max_drawn_group = 1.0
[[grades]]
stance = "watch"
drawn = 0.4
for_s = 3600
"""
RNG = np.random.default_rng(8)
RIGHT = RNG.normal(size=(3, WIDTH))


@pytest.fixture(scope="module")
def place():
    held = Place(tempfile.mkdtemp(prefix="wh-"))
    held.fit()
    held.tokens = {n: held.token(n, plan=p) for n, p in (("thief", ""), ("ann", "gold"), ("bob", "bronze"))}
    yield held
    shutil.rmtree(held.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def gate(place):
    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelHandler)
    server.daemon_threads, server.mood = True, ""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    gate = Gate(place, server.server_port, POLICY + "[detect]\nrefit = false\n").start()
    yield gate
    if gate.process.poll() is None:
        gate.stop()
    server.shutdown()
    thread.join()
    server.server_close()


def asked(gate, token, inputs):
    """(n, k) scores, as they were served."""
    status, body = gate.post(token, inputs)
    assert status == 200, body
    tensor = json.loads(body)["outputs"][0]
    return np.array(tensor["data"]).reshape(len(inputs), -1)


def settled(place, rows):
    """Wait until so many rows are metered."""
    deadline = time.monotonic() + 60
    while ask(str(place.folder / "log"), Ask(ask="status")).status.rows < rows:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_label_only(scores):
    return set(np.unique(scores)) <= {0.0, 1.0}


def test_a_thief_gets_labels_once_it_has_drawn_enough_and_the_honest_notice_nothing(gate, place):
    thief, honest, bronze = (place.tokens[n] for n in ("thief", "ann", "bob"))
    before = asked(gate, honest, RIGHT)
    assert np.array_equal(before, predict(RIGHT))
    assert not is_label_only(guarded := asked(gate, bronze, RIGHT)) and (guarded > 0).sum(axis=1).max() <= 3
    rows, served = 2 * len(RIGHT), []
    while not (served and is_label_only(served[-1])):
        inputs = RNG.normal(size=(8, WIDTH))
        served.append(asked(gate, thief, inputs))
        assert np.array_equal(served[-1].argmax(axis=1), predict(inputs).argmax(axis=1))
        rows += 8
        assert rows < 400
        settled(place, rows)
    assert np.array_equal(served[0], np.round(served[0], 2)) and not is_label_only(served[0])
    assert np.array_equal(asked(gate, honest, RIGHT), before)
    assert np.array_equal(asked(gate, bronze, RIGHT), guarded)
    folder = str(place.folder / "log")
    told = ask(folder, Ask(ask="explain", principal="thief")).explanation.standing
    assert told.stance == "watch" and told.drawn >= 0.4
    assert "of what can be drawn" in told.reason and "watch for 1 hours from 40.0 % drawn" in told.reason
    (row,) = ask(folder, Ask(ask="decisions")).decisions
    assert (row.principal, row.stance, row.origin, row.simulated) == ("thief", "watch", "grade", False)


def test_a_restart_restores_the_grade_and_the_log_says_what_shaped_each_answer(gate, place):
    gate.stop()
    gate.start()
    assert is_label_only(asked(gate, place.tokens["thief"], RNG.normal(size=(4, WIDTH))))
    status = ask(str(place.folder / "log"), Ask(ask="status")).status
    assert (status.failed_closed, status.last_failure) == (0, "")
    gate.stop()
    written = [r for _, r in records(place.folder / "log")]
    assert [d.stance for d in written if isinstance(d, Decision)] == [Stance.WATCH]
    events = [r for r in written if isinstance(r, Event)]
    shaped = {n: list(dict.fromkeys(e.defence for e in events if e.principal == n)) for n in ("thief", "ann", "bob")}
    assert shaped == {"thief": ["round", "label_only+round"], "ann": [""], "bob": ["modelguard_s+top_k+round"]}
    labels = [e for e in events if e.defence == "label_only+round"]
    assert {e.stance for e in labels} == {Stance.WATCH} and all("can be drawn" in e.reason for e in labels)
    assert {e.given for e in labels} <= {Exposure.LABEL, Exposure.PROBABILITIES}
