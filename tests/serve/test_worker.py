import time

import numpy as np
import pytest
from serving import WIDTH, exchange

from wellhead.audit.entries import records
from wellhead.core.errors import AuditError
from wellhead.core.event import Caller, Event, Gap, Query
from wellhead.core.finding import Finding, Review
from wellhead.core.verdict import Decision
from wellhead.serve.assemble import assemble

RNG = np.random.default_rng(5)


def kinds(place, kind):
    return [r for _, r in records(place.folder / "log") if isinstance(r, kind)]


def test_a_thief_is_logged_metered_found_and_closed(place, clock):
    place.fit()
    worker = assemble(place.config(), clock)
    for i in range(20):
        worker.put(exchange("thief", RNG.normal(size=(32, WIDTH)), f"r{i}"))
        worker.turn()
    (finding,) = [f for f in worker.observer.findings if f.members == ("thief",)]
    decision = worker.gate.decision("thief", clock())
    assert decision is not None and decision.evidence >= 0
    assert (
        worker.gate.admit(Caller(principal="thief"), exchange("thief", np.ones(WIDTH), "x").query, clock()).status
        == 429
    )
    worker.stop()
    assert kinds(place, Finding) == [finding]
    assert kinds(place, Decision)[0].evidence == decision.evidence
    index = decision.evidence
    assert next(r for i, r in records(place.folder / "log") if i == index) == finding


def test_own_repeats_are_answered_after_the_valve_closed(place, clock):
    place.fit()
    worker = assemble(place.config(), clock)
    first = exchange("thief", RNG.normal(size=(32, WIDTH)), "r")
    worker.put(first)
    for i in range(20):
        worker.put(exchange("thief", RNG.normal(size=(32, WIDTH)), f"r{i}"))
    worker.turn()
    assert worker.gate.admit(Caller(principal="thief"), first.query, clock()).passes
    worker.stop()


def test_accounts_that_share_an_address_are_summed_and_an_honest_newcomer_among_them_is_not(place, clock):
    place.fit()
    worker = assemble(place.config(), clock)
    shared = {"address": "198.51.100.7", "agent": "x", "created_day": "2026-11-21"}
    narrow = RNG.normal(size=(10, WIDTH))
    for turn in range(16):
        for i in range(8):
            worker.put(exchange(f"t{i}", RNG.normal(size=(8, WIDTH)), f"t{turn}-{i}", **shared))
        worker.put(exchange("newcomer", narrow[RNG.integers(0, 10, 8)], f"n{turn}", **shared))
        worker.turn()
    accused = {m for f in worker.observer.findings for m in f.members}
    assert accused == {f"t{i}" for i in range(8)}
    assert worker.gate.decision("newcomer", clock()) is None
    worker.stop()


def test_observe_mode_notes_the_decision_and_closes_nothing(place, clock):
    place.fit()
    worker = assemble(place.config(mode="observe"), clock)
    for i in range(20):
        worker.put(exchange("thief", RNG.normal(size=(32, WIDTH)), f"r{i}"))
    worker.turn()
    assert worker.gate.decisions == {}
    assert worker.noted["thief"].simulated
    worker.stop()
    assert all(d.simulated for d in kinds(place, Decision))
    assert all(f.simulated for f in kinds(place, Finding))


def test_reservations_are_settled_once_metered(place, clock):
    worker = assemble(place.config(), clock)
    x = exchange("ann", RNG.normal(size=(5, WIDTH)), "r")
    worker.gate.admit(x.caller, x.query, clock())
    assert worker.gate.tallies["ann"].unread_rows == 5
    worker.put(x)
    worker.turn()
    assert worker.gate.tallies["ann"].unread_rows == 0
    worker.stop()


def test_a_failure_in_the_meter_leaves_a_counted_gap_and_a_living_worker(place, clock, monkeypatch, capsys):
    worker = assemble(place.config(), clock)
    with monkeypatch.context() as m:
        m.setattr(worker.observer, "observe", lambda *_: 1 / 0)
        worker.put(exchange("ann", np.ones(WIDTH), "a"))
        worker.turn()
    worker.put(exchange("ann", np.ones(WIDTH), "b"))
    worker.turn()
    assert worker.counts.lost == 1
    assert worker.observer.rows == {"ann": 1}
    worker.stop()
    assert [g.events for g in kinds(place, Gap)] == [1]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_does_not_stop_the_service(place, clock, monkeypatch, capsys):
    worker = assemble(place.config(), clock)

    def full(_records):
        raise AuditError("expected room on the disk, got none")

    with monkeypatch.context() as m:
        m.setattr(worker.books.log, "append", full)
        worker.put(exchange("ann", np.ones(WIDTH), "a"))
        worker.turn()
    assert worker.counts.lost == 1
    worker.stop()
    assert "room on the disk" in capsys.readouterr().err


def test_inputs_that_do_not_fit_the_profile_are_said_once_and_counted(place, clock, capsys):
    place.fit()
    worker = assemble(place.config(), clock)
    for i in range(3):
        x = exchange("ann", np.ones((2, WIDTH)), f"r{i}")
        x.query = Query("m", np.ones((2, WIDTH + 1), np.float32), 2, x.query.asked)
        worker.put(x)
        worker.turn()
    worker.stop()
    assert worker.counts.unmetered == 6
    assert capsys.readouterr().err.count("do not fit the profile") == 1


def test_questions_are_answered_between_batches_and_their_errors_go_home(place, clock):
    worker = assemble(place.config(), clock)
    worker.start(lambda function, *arguments: function(*arguments))
    assert worker.ask(lambda: 42).result(5) == 42
    with pytest.raises(ZeroDivisionError):
        worker.ask(lambda: 1 / 0).result(5)
    worker.put(exchange("ann", np.ones(WIDTH), "a"))
    deadline = time.monotonic() + 5
    while worker.counts.rows < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert worker.counts.rows == 1
    worker.stop()


def test_what_was_stored_before_the_profile_is_coded_and_judged_after(place, clock):
    worker = assemble(place.config(), clock)
    for i in range(45):
        worker.put(exchange("thief", RNG.normal(size=(32, WIDTH)), f"r{i}"))
    worker.turn()
    worker.fitting.wait()
    worker.turn()
    assert worker.observer.meter is not None
    assert worker.gate.decision("thief", clock()) is not None
    batch = worker.books.history.rows_of(("thief",), 0.0)
    assert len(batch) == 45 * 32
    assert batch.codes.any(axis=1).all()
    worker.stop()
    assert all(e.codes == "" for e in kinds(place, Event))


def test_what_was_noted_is_noted_no_longer_once_it_was_found_honest(place, clock):
    place.fit()
    worker = assemble(place.config(mode="observe"), clock)
    for i in range(20):
        worker.put(exchange("thief", RNG.normal(size=(32, WIDTH)), f"r{i}"))
    worker.turn()
    (finding,) = worker.observer.findings
    assert worker.noted
    honest = Review(finding=finding.uid, time_us=int(clock() * 1e6), verdict="honest")
    assert worker.review(honest) == 1 and worker.noted == {}
    assert worker.review(honest) == 0
    worker.stop()
    again = assemble(place.config(mode="observe"), clock)
    assert again.noted == {}
    again.stop()
