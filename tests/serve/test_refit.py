import io
import sys

import numpy as np
import pytest
from promising import profile
from serving import NOW, WIDTH, exchange

from wellhead.core.errors import WellheadError
from wellhead.core.event import Answer, Exchange
from wellhead.core.exposure import Exposure
from wellhead.meter import pack
from wellhead.serve import profiles, refit
from wellhead.serve.assemble import assemble
from wellhead.serve.refit import Refitting, learn, task

RNG = np.random.default_rng(17)
OPEN = "[valve]\nmax_drawn = 1.0\nmax_drawn_group = 1.0\n[detect]\nlink_every_s = 1e6\n"


@pytest.fixture
def worker(place, clock):
    config = place.config(OPEN)
    profiles.save(config, profile())
    worker = assemble(config, clock)
    worker.aides = [Refitting(worker.observer)]
    yield worker
    worker.stop()


def labels_only(name, inputs, request):
    """As after a label-only defence."""
    x = exchange(name, inputs, request)
    x.answer = Answer(Exposure.LABEL, labels=x.answer.scores.argmax(axis=1))
    return x


def ask(worker, n=192, name="thief", make=exchange):
    for i in range(0, n, 32):
        worker.put(make(name, RNG.normal(size=(32, WIDTH)), f"{name}-{i}"))
    worker.turn()


def finish(worker):
    (aide,) = worker.aides
    aide._next_s = 0.0
    worker.turn()
    aide.wait()
    worker.turn()
    return aide


def test_learners_in_a_process_of_their_own_reproduce_what_was_told(worker):
    ask(worker)
    assert finish(worker).refits == 1
    aide = worker.aides[0]
    assert aide.error == ""


def test_a_better_refit_is_the_reading_and_can_close_the_valve(worker, monkeypatch):
    monkeypatch.setattr(Refitting, "_learn", lambda self, sent: 0.999)
    ask(worker)
    before = worker.observer.damage.readings[("thief",)]
    finish(worker)
    after = worker.observer.damage.readings[("thief",)]
    assert (after.by, after.replication) == ("refit", 0.999) and before.by != "refit"
    assert not after.at_least
    assert worker.gate.decision("thief", NOW) is not None
    assert "99.9 % of the model" in worker.observer.findings[0].detail


def test_a_worse_refit_changes_nothing(worker, monkeypatch):
    monkeypatch.setattr(Refitting, "_learn", lambda self, sent: 0.01)
    ask(worker)
    finish(worker)
    assert worker.observer.damage.readings[("thief",)].by != "refit"
    assert worker.observer.damage.refits == {}


def test_one_refit_at_a_time_and_another_only_after_enough_new_inputs(worker, monkeypatch):
    asked = []
    monkeypatch.setattr(Refitting, "_learn", lambda self, sent: asked.append(1) or 0.1)
    ask(worker)
    for _ in range(3):
        finish(worker)
    assert len(asked) == 1
    ask(worker, 32)
    finish(worker)
    assert len(asked) == 1
    ask(worker, 128)
    finish(worker)
    assert len(asked) == 2


def test_repeats_buy_no_refit(worker, monkeypatch):
    monkeypatch.setattr(Refitting, "_learn", lambda self, sent: pytest.fail("refitted"))
    same = RNG.normal(size=(32, WIDTH))
    for i in range(10):
        worker.put(exchange("monitor", same, f"m{i}"))
    worker.turn()
    finish(worker)


def test_a_refit_that_takes_too_long_is_given_up(worker):
    worker.aides = [Refitting(worker.observer, limit_s=0.01)]
    ask(worker)
    assert finish(worker).refits == 1
    assert worker.observer.damage.refits == {}


def test_learners_that_fail_are_said_once_and_the_ledger_still_reads(worker, monkeypatch, capsys):
    monkeypatch.setattr(refit, "_MODULE", "wellhead.serve.nowhere")
    ask(worker)
    aide = finish(worker)
    assert "nowhere" in aide.error
    assert capsys.readouterr().err.count("readings are those of the ledgers alone") == 1
    ask(worker, 320)
    assert finish(worker).refits == 1


def test_where_inputs_lie_far_out_and_nothing_was_refitted_the_reading_is_at_least(worker):
    worker.aides = []
    for i in range(8):
        worker.put(exchange("noise", RNG.uniform(-4, 4, size=(32, WIDTH)), f"n{i}"))
        worker.put(exchange("plain", RNG.normal(size=(32, WIDTH)) * 0.7, f"p{i}"))
    worker.turn()
    readings = worker.observer.damage.readings
    assert readings[("noise",)].at_least and not readings[("plain",)].at_least


def test_the_task_holds_what_was_told_and_the_process_says_the_best_share(worker, monkeypatch, capsys):
    monkeypatch.setattr(refit.plugins, "names", lambda _kind: ["logistic", "mlp"])
    ask(worker, make=labels_only)
    batch = worker.observer.damage.recall(("thief",), 0.0, profile().id)
    made = task(batch, profile(), {})
    (asked,) = made["asked"]
    assert asked["inputs"].shape == (192, WIDTH)
    assert set(asked["told"]) == {"labels"}
    shares = list(learn(made))
    assert len(shares) == 2 and 0.6 < max(shares) <= 1.0
    ask(worker, name="rich")
    scored = task(worker.observer.damage.recall(("rich",), 0.0, profile().id), profile(), {})
    assert scored["asked"][0]["told"]["scores"].sum(axis=1) == pytest.approx(1.0)

    class Pipe:
        buffer = io.BytesIO(pack.dump("refit", made))

    monkeypatch.setattr(sys, "stdin", Pipe)
    monkeypatch.setattr(refit.os, "nice", lambda _: 0)
    refit.main()
    assert list(map(float, capsys.readouterr().out.split())) == pytest.approx(shares)


@pytest.mark.parametrize("size", [6, 20])
def test_noise_is_learnt_from_what_was_asked_and_not_from_clipped_codes_alone(worker, monkeypatch, size):
    monkeypatch.setattr(Refitting, "_learn", lambda self, sent: -1.0)
    aide, rng = worker.aides[0], np.random.default_rng(size)
    for i in range(12):
        worker.put(labels_only("noise", rng.uniform(-size, size, size=(32, WIDTH)), f"n{i}"))
        worker.turn()
        aide.wait()
        aide._next_s = 0.0
    assert aide.raw.names == {"noise"}
    batch = worker.observer.damage.recall(("noise",), 0.0, profile().id)
    blind, (clipped, kept) = (task(batch, profile(), raw)["asked"] for raw in ({}, aide.raw.of(("noise",))))
    assert np.array_equal(clipped["inputs"], blind[0]["inputs"]) and len(clipped["inputs"]) == 384
    assert len(kept["inputs"]) > 300
    asked = {x.tobytes() for x in np.random.default_rng(size).uniform(-size, size, (384, WIDTH)).astype(np.float32)}
    assert sum(x.tobytes() in asked for x in kept["inputs"]) > 300


def test_what_was_asked_teaches_more_than_its_clipped_codes(worker, monkeypatch):
    monkeypatch.setattr(refit.plugins, "names", lambda _kind: ["mlp"])
    monkeypatch.setattr(Refitting, "_learn", lambda self, sent: -1.0)
    inputs = np.random.default_rng(7).uniform(-6, 6, size=(384, WIDTH)).astype(np.float32)
    (aide,) = worker.aides
    aide.raw.names = frozenset({"noise"})
    for i in range(0, 384, 32):
        worker.put(labels_only("noise", inputs[i : i + 32], f"n{i}"))
    worker.turn()
    batch = worker.observer.damage.recall(("noise",), 0.0, profile().id)
    raw = aide.raw.of(("noise",))
    assert len(raw) == 384
    with_raw, without = (max(learn(task(batch, profile(), held))) for held in (raw, {}))
    assert with_raw > without + 0.03


def test_learners_that_are_cut_off_have_said_what_they_reached(worker, monkeypatch, tmp_path):
    slow = "import time\nprint(0.25, flush=True)\nprint(0.5, flush=True)\ntime.sleep(60)\n"
    (tmp_path / "slow_learners.py").write_text(slow)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(refit, "_MODULE", "slow_learners")
    # long enough for an interpreter to start on a busy machine
    assert Refitting(worker.observer, limit_s=5.0)._learn(b"") == 0.5


def test_a_task_that_was_cut_is_no_task(monkeypatch):
    with pytest.raises(WellheadError):
        pack.load("refit", pack.dump("refit", {"a": 1})[:-1])
    assert isinstance(exchange("a", np.ones(WIDTH), "r"), Exchange)


@pytest.mark.parametrize(("mode", "refits"), [("observe", 1), ("enforce", 0)])
def test_a_closing_that_was_only_noted_stops_no_refit(place, clock, monkeypatch, mode, refits):
    monkeypatch.setattr(Refitting, "_learn", lambda self, sent: 0.1)
    config = place.config("[valve]\nmax_drawn = 0.3\n[detect]\nlink_every_s = 1e6\n", mode)
    profiles.save(config, profile())
    worker = assemble(config, clock)
    worker.aides = [Refitting(worker.observer)]
    ask(worker)
    assert worker.observer.cases.closed
    assert finish(worker).refits == refits
    worker.stop()
