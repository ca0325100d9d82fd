import os

import numpy as np
import pytest
from promising import exchange_of, narrow, profile, promise
from serving import NOW, WIDTH

from wellhead.audit.entries import records
from wellhead.core.errors import ConfigError
from wellhead.core.event import Mark
from wellhead.core.finding import Finding
from wellhead.serve import profiles, promises
from wellhead.serve.assemble import assemble
from wellhead.serve.desk import Desk
from wellhead.serve.status import Ask

OPEN = '[valve]\nmax_drawn = 1.0\nmax_drawn_group = 1.0\n[detect]\nalarm_budget = "1 per 100 principals per 30 days"\nrefit = false\n'


@pytest.fixture
def config(place):
    config = place.config(OPEN)
    profiles.save(config, profile())
    return config


def keep(config):
    """Write the promise where a gate takes it up."""
    path = promises.path_of(config)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(promise().to_bytes())


def steal(worker, name="thief"):
    rng = np.random.default_rng(3)
    for step in range(4):
        worker.put(exchange_of(name, rng.uniform(-3, 3, size=(16, WIDTH)).astype(np.float32), NOW + 0.5 * step))
        worker.turn()


def marks(config):
    return [
        r.detail for _, r in records(promises.path_of(config).parent) if isinstance(r, Mark) and r.what == "promise"
    ]


def test_a_thief_asking_through_a_gate_with_a_promise_is_found_guilty_and_closed(config, clock):
    keep(config)
    worker = assemble(config, clock)
    steal(worker)
    (finding,) = worker.observer.findings
    assert (finding.signal, finding.members) == ("guilt", ("thief",))
    assert len(finding.evidence) == 5 and finding.sure.startswith("p = 1/")
    decision = worker.gate.decision("thief", clock())
    assert (decision.origin, decision.subjects) == ("guilt", ("thief",))
    worker.stop()
    stored = [r for _, r in records(promises.path_of(config).parent) if isinstance(r, Finding)]
    assert stored == [finding]


def test_the_status_says_guilt_and_the_word_of_the_promise(config, clock):
    keep(config)
    worker = assemble(config, clock)
    steal(worker)
    ann = narrow(np.random.default_rng(1))
    worker.put(exchange_of("ann", ann(16), NOW + 9))
    worker.turn()
    desk = Desk(worker, "m", 0)
    status = desk.answer(Ask(ask="status")).status
    assert [(s.principal, s.word) for s in status.standings] == [("thief", "alarmed"), ("ann", "promisable now")]
    assert status.promise.segments[0].word == "promisable now"
    assert status.promise.kept == "1 alarms among 2 principals, at most 0.0 promised"
    told = desk.answer(Ask(ask="explain", principal="thief")).explanation
    assert len(told.evidence) == 5 and "90 % of honest principals" in told.evidence[0]
    worker.stop()


def test_a_review_is_stored_lifts_what_it_decided_and_is_taken_up_again(config, clock):
    keep(config)
    worker = assemble(config, clock)
    steal(worker)
    desk = Desk(worker, "m", 0)
    uid = worker.observer.findings[0].uid
    assert desk.answer(Ask(ask="review", finding=uid, verdict="honest", reason="a customer")).done.endswith(
        "1 decisions lifted"
    )
    assert worker.gate.decision("thief", clock()) is None
    worker.stop()
    again = assemble(config, clock)
    assert again.gate.decision("thief", clock()) is None
    assert again.observer.cases.reviews[uid].verdict == "honest"
    rows = Desk(again, "m", 0).answer(Ask(ask="findings")).findings
    assert [(r.finding.uid, r.verdict, r.reason) for r in rows] == [(uid, "honest", "a customer")]
    assert Desk(again, "m", 0).answer(Ask(ask="findings", verdict="open")).findings == ()
    steal(again)
    assert len(again.observer.findings) == 1
    again.stop()


def test_reviews_of_nothing_and_other_verdicts_are_refused(config, clock):
    worker = assemble(config, clock)
    desk = Desk(worker, "m", 0)
    for ask in (
        Ask(ask="review", finding="F-9", verdict="theft"),
        Ask(ask="review", finding="F-9", verdict="dull"),
        Ask(ask="find", finding="F-9"),
    ):
        with pytest.raises(ConfigError):
            desk.answer(ask)
    worker.stop()


def test_cold_start_says_rules_first_and_the_switch_is_announced(config, clock, capsys):
    worker = assemble(config, clock)
    assert "rules only: 0 of 299 honest principal-periods" in capsys.readouterr().err
    steal(worker)
    assert worker.observer.findings == []
    assert Desk(worker, "m", 0).answer(Ask(ask="status")).status.promise.said.startswith("rules only: 1 of 299")
    keep(config)
    clock.now_s += 2
    worker.turn()
    assert [f.signal for f in worker.observer.findings] == ["guilt"]
    assert "until now rules, the promise from now on" in capsys.readouterr().err
    worker.stop()
    assert "until now rules, the promise from now on" in marks(config)[-1]


def test_a_damaged_promise_leaves_what_held_before(config, clock, capsys):
    keep(config)
    worker = assemble(config, clock)
    path = promises.path_of(config)
    path.write_bytes(b"nonsense")
    os.utime(path, (1, 1))
    clock.now_s += 2
    worker.turn()
    assert worker.observer.suspects.promise is not None
    assert "what held before stays in force" in capsys.readouterr().err
    worker.stop()


def test_a_restart_neither_forgets_nor_repeats(config, clock):
    keep(config)
    worker = assemble(config, clock)
    steal(worker)
    standing = worker.observer.suspects.standing("thief")
    worker.stop()
    again = assemble(config, clock)
    assert len(again.observer.findings) == 1
    restored = again.observer.suspects.standing("thief")
    assert (restored.alarmed, restored.segment) == (True, standing.segment)
    assert restored.score == pytest.approx(standing.score, rel=0.5)
    assert again.gate.decision("thief", clock()) is not None
    views, before = (w.observer.sketches.columns(["thief"]) for w in (again, worker))
    assert np.array_equal(views.features, before.features) and views.placed[0] == before.placed[0] == 64
    again.stop()
