import numpy as np
import pytest
from serving import WIDTH, exchange

from wellhead.core.errors import ConfigError
from wellhead.defend.own.commitment import Committed, written
from wellhead.serve.assemble import assemble
from wellhead.serve.desk import Desk
from wellhead.serve.notes import entries
from wellhead.serve.status import Ask

RNG = np.random.default_rng(8)


@pytest.fixture
def desk(place, clock):
    place.fit()
    worker = assemble(place.config(), clock)
    for i in range(20):
        worker.put(exchange("thief", RNG.normal(size=(32, WIDTH)), f"r{i}"))
        worker.put(exchange("ann", np.ones(WIDTH), f"a{i}"))
        worker.turn()
    yield Desk(worker, "m", 0)
    worker.stop()


def test_status_shows_the_strongest_first(desk):
    status = desk.answer(Ask(ask="status")).status
    assert [s.principal for s in status.standings] == ["thief", "ann"]
    assert status.standings[0].stance == "throttle"
    assert 0.8 < status.standings[0].replication <= 1.0
    assert status.standings[1].replication == -1.0
    assert (status.requests, status.rows, status.principals, status.findings) == (40, 660, 2, 1)
    assert len(desk.answer(Ask(ask="status", top=1)).status.standings) == 1


def test_explain_says_why(desk):
    said = desk.answer(Ask(ask="explain", principal="thief")).explanation
    assert any("unique_ratio" in s for s in said.signals)
    assert "Model extraction suspected" in said.findings[0]
    assert said.standing.reason.startswith("with the")
    assert desk.answer(Ask(ask="explain", principal="ann")).explanation.signals == ()


def test_explain_of_a_stranger_says_where_to_look(desk):
    with pytest.raises(ConfigError, match="wellhead status"):
        desk.answer(Ask(ask="explain", principal="nobody"))


def test_an_operator_decides_and_lifts(desk):
    desk.answer(Ask(ask="decide", principal="ann", stance="block", reason="asked to", hours=1))
    rows = {d.principal: d for d in desk.answer(Ask(ask="decisions")).decisions}
    assert (rows["ann"].stance, rows["ann"].origin, rows["ann"].reason) == ("block", "operator", "asked to")
    assert rows["thief"].origin == "replication"
    desk.answer(Ask(ask="lift", principal="thief"))
    assert {d.principal for d in desk.answer(Ask(ask="decisions")).decisions} == {"ann"}


def test_a_lifted_valve_does_not_close_again_by_itself(desk):
    desk.answer(Ask(ask="lift", principal="thief"))
    worker = desk._worker
    for i in range(30):
        worker.put(exchange("thief", RNG.normal(size=(32, WIDTH)), f"again{i}"))
        worker.turn()
    assert worker.gate.decisions == {}


def test_closing_a_finding_says_what_it_was_closed_as_and_lifts_once(desk):
    (finding,) = [r.finding.uid for r in desk.answer(Ask(ask="findings")).findings]
    said = [
        desk.answer(Ask(ask="review", finding=finding, verdict=verdict)).done.removeprefix(f"{finding}: ")
        for verdict in ("honest", "honest", "theft", "honest")
    ]
    assert said == [
        "closed as honest; 1 decision lifted",
        "closed as honest; it was closed as honest",
        "closed as theft; it was closed as honest; what was lifted stays lifted",
        "closed as honest; it was closed as theft",
    ]
    assert desk.answer(Ask(ask="decisions")).decisions == ()


def test_what_an_operator_lifted_is_not_lifted_again_by_a_review(desk):
    desk.answer(Ask(ask="lift", principal="thief"))
    (finding,) = [r.finding.uid for r in desk.answer(Ask(ask="findings")).findings]
    assert "lifted" not in desk.answer(Ask(ask="review", finding=finding, verdict="honest")).done


def test_explain_shows_what_people_said_of_a_finding(desk):
    (finding,) = [r.finding.uid for r in desk.answer(Ask(ask="findings")).findings]
    desk.answer(Ask(ask="review", finding=finding, verdict="honest"))
    said = desk.answer(Ask(ask="explain", principal="thief")).explanation
    assert said.findings[0].endswith("(closed as honest)") and said.standing.stance == "allow"


@pytest.mark.parametrize(
    "ask",
    [
        Ask(ask="dance"),
        Ask(ask="lift", principal="ann"),
        Ask(ask="decide", principal="ann", stance="hug", hours=1),
        Ask(ask="decide", principal="ann", stance="block", hours=0),
        Ask(ask="decide", principal="ann", stance="block", hours=10**6),
    ],
)
def test_orders_that_make_no_sense_are_refused(desk, ask):
    with pytest.raises(ConfigError):
        desk.answer(ask)


def test_a_note_on_ownership_is_under_a_checkpoint_when_it_returns(desk):
    detail = written(Committed("c"))
    log = desk._worker.books.log
    assert desk.answer(Ask(ask="note", reason=detail)).done == "noted"
    assert log.sealed == log.size
    assert [e for _, e in entries(log.directory)] == [Committed("c")]
    with pytest.raises(ConfigError, match="ownership"):
        desk.answer(Ask(ask="note", reason="anything"))
