import os
import time

import msgspec
import numpy as np
import pytest
from processes import Gate
from promising import exchange_of, narrow, profile, promise
from serving import NOW, WIDTH

from wellhead.audit.entries import records
from wellhead.core.errors import ConfigError
from wellhead.core.event import Mark
from wellhead.core.finding import Finding
from wellhead.serve import profiles, promises
from wellhead.serve.assemble import assemble
from wellhead.serve.control import ask
from wellhead.serve.desk import Desk
from wellhead.serve.status import Ask

OPEN = """[valve]
max_drawn = 1.0
max_drawn_group = 1.0
[detect]
alarm_budget = "1 per 100 principals per 30 days"
refit = false
"""


@pytest.fixture
def config(place):
    config = place.config(OPEN)
    profiles.save(config, profile())
    return config


def keep(config, made_s=0.0, **changed):
    """Write the promise where a gate takes it up."""
    path = promises.path_of(config)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.structs.replace(promise(), made_s=made_s, **changed).to_bytes())


def steal(worker, name="thief", now_s=NOW):
    rng = np.random.default_rng(3)
    for step in range(4):
        worker.put(exchange_of(name, rng.uniform(-3, 3, size=(16, WIDTH)).astype(np.float32), now_s + 0.5 * step))
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
    assert status.promise.kept == "1 alarm among 2 principal-periods, at most 0.02 promised"
    told = desk.answer(Ask(ask="explain", principal="thief")).explanation
    assert len(told.evidence) == 5 and "90 % of honest principals" in told.evidence[0]
    worker.stop()


def is_cleared(desk):
    told = desk.answer(Ask(ask="explain", principal="thief")).explanation
    return told.standing.word == "promisable now" and "(closed as honest)" in told.findings[0]


def test_a_review_is_stored_lifts_what_it_decided_and_is_taken_up_again(config, clock):
    keep(config)
    worker = assemble(config, clock)
    steal(worker)
    desk = Desk(worker, "m", 0)
    uid = worker.observer.findings[0].uid
    assert desk.answer(Ask(ask="review", finding=uid, verdict="honest", reason="a customer")).done.endswith(
        "1 decision lifted"
    )
    assert worker.gate.decision("thief", clock()) is None
    assert is_cleared(desk)
    worker.stop()
    again = assemble(config, clock)
    assert is_cleared(Desk(again, "m", 0))
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
    for question in (
        Ask(ask="review", finding="F-9", verdict="theft"),
        Ask(ask="review", finding="F-9", verdict="dull"),
        Ask(ask="find", finding="F-9"),
    ):
        with pytest.raises(ConfigError):
            desk.answer(question)
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
    assert "from now on" not in Desk(worker, "m", 0).answer(Ask(ask="status")).status.promise.said
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
    said = capsys.readouterr().err
    assert "what held before stays in force" in said and str(path) in said and "`wellhead calibrate`" in said
    path.unlink()
    clock.now_s += 2
    worker.turn()
    assert worker.observer.suspects.promise is not None
    said = capsys.readouterr().err
    assert f"the promise at {path} is gone; it stays in force until the gate stops" in said
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
    assert restored.score == pytest.approx(standing.score)
    assert again.gate.decision("thief", clock()) is not None
    views, before = (w.observer.sketches.columns(["thief"]) for w in (again, worker))
    assert np.array_equal(views.features, before.features) and views.placed[0] == before.placed[0] == 64
    again.stop()


def until(gate, question, holds):
    """The gate's reply, once it is what it should be."""
    for _ in range(400):
        reply = ask(str(gate.place.folder / "log"), question)
        if holds(reply):
            return reply
        time.sleep(0.05)
    raise AssertionError(f"never came true, at last: {reply}")


def ask_all(gate, token, seed=3):
    rng = np.random.default_rng(seed)
    return [gate.post(token, rng.uniform(-3, 3, size=(16, WIDTH)))[0] for _ in range(4)]


def guarded(place, upstream, extra=""):
    """A gate process with a profile, honest ann and a thief."""
    gate = Gate(place, upstream.server_port, OPEN + extra)
    profiles.save(place.config(OPEN), profile())
    return gate, place.token("ann"), place.token("thief")


def test_over_real_sockets_cold_start_switch_finding_response_review_and_restart(place, upstream, wellhead):
    gate, honest, stolen = guarded(place, upstream)
    gate.start()
    ann = narrow(np.random.default_rng(1))
    assert gate.post(honest, ann(16))[0] == 200 and ask_all(gate, stolen) == [200] * 4
    status = until(gate, Ask(ask="status"), lambda r: r.status.rows == 80).status
    assert status.promise.said.startswith("rules only: ") and status.findings == 0

    keep(place.config(OPEN))
    (row,) = until(gate, Ask(ask="findings"), lambda r: r.findings).findings
    finding = row.finding
    assert (finding.signal, finding.members, finding.rows) == ("guilt", ("thief",), 64)
    assert finding.replication_ppm > 0 and finding.bits_milli > 0 and "1 of 100 honest principals" in finding.sure
    assert len(finding.evidence) == 5
    for e in finding.evidence:
        assert all(np.isfinite(float(text.removesuffix(" %").replace(",", ""))) for text in (e.value, e.low, e.high))
    assert gate.post(stolen, np.full(WIDTH, 2.5))[0] == 429 and gate.post(honest, ann(1))[0] == 200

    code, said, _ = wellhead("findings", "show", finding.uid, "-c", str(gate.file))
    assert code == 0 and said.count("90 % of honest principals: ") == 5
    for line in ("Who: thief", "What: in ", "How sure: p = 1/", "Drawn: with 64 answers", "Review: open"):
        assert f"\n{line}" in said
    assert "established, p = 1/" in wellhead("status", "-c", str(gate.file))[1]
    assert "guilt is established" in wellhead("explain", "thief", "-c", str(gate.file))[1]
    assert "closed as theft" in wellhead("findings", "close", finding.uid, "--theft", "-c", str(gate.file))[1]
    before = ask(str(place.folder / "log"), Ask(ask="status")).status
    assert before.promise.kept == "0 alarms among 1 principal-period, at most 0.01 promised"
    errors = gate.stop()
    assert "rules first: no promise yet" in errors and "until now rules, the promise from now on" in errors

    gate.start()
    after = ask(str(place.folder / "log"), Ask(ask="status")).status
    found = ask(str(place.folder / "log"), Ask(ask="findings")).findings
    assert [(r.finding, r.verdict) for r in found] == [(finding, "theft")]
    assert wellhead("findings", "list", "--open", "-c", str(gate.file))[1] == "no findings\n"
    assert {s.principal: (s.p, s.word) for s in after.standings} == {
        s.principal: (s.p, s.word) for s in before.standings
    }
    assert after.promise.kept == before.promise.kept
    assert gate.post(stolen, np.full(WIDTH, 2.5))[0] == 429
    errors = gate.stop()
    assert "Traceback" not in errors and "promisable now to 1 of 1" in errors and "until now rules" not in errors


def test_over_real_sockets_where_the_budget_cannot_be_promised_people_are_told_and_nobody_is_closed(place, upstream):
    gate, _, stolen = guarded(place, upstream)
    gate.file.write_text(gate.file.read_text().replace("1 per 100 ", "1 per 1000 "))
    keep(place.config(OPEN))
    gate.start()
    assert ask_all(gate, stolen) == [200] * 4
    (row,) = until(gate, Ask(ask="findings"), lambda r: r.findings).findings
    assert row.finding.signal == "guilt" and "at most 1 of 100 honest" in row.finding.sure
    assert gate.post(stolen, np.full(WIDTH, 2.5))[0] == 200
    assert ask(str(place.folder / "log"), Ask(ask="decisions")).decisions == ()
    gate.stop()


def test_a_broken_promise_is_said_once_also_after_a_restart(config, clock):
    keep(config)
    worker = assemble(config, clock)
    for i in range(12):
        steal(worker, f"like-a-thief-{i}")
    assert [f.signal for f in worker.observer.findings].count("promise") == 1
    assert Desk(worker, "m", 0).answer(Ask(ask="status")).status.promise.broken
    worker.stop()
    again = assemble(config, clock)
    steal(again, "one-more")
    assert [f.signal for f in again.observer.findings].count("promise") == 1
    assert Desk(again, "m", 0).answer(Ask(ask="status")).status.promise.broken
    again.stop()


def told(worker):
    """What the gate says of its promise, and which findings there are."""
    said = Desk(worker, "m", 0).answer(Ask(ask="status")).status.promise
    return said.kept, said.broken, said.drifted, [(f.signal, f.members) for f in worker.observer.findings]


def test_a_restart_counts_as_before_though_the_log_is_older_than_the_promise(config, place, clock):
    """The promise was made in the period after its history, and nothing of that history tests it."""
    config = place.config(OPEN + 'segments = ["use"]\n')
    worker = assemble(config, clock)
    for i in range(12):
        steal(worker, f"old-{i}")
    clock.now_s += 31 * 86_400
    keep(config, clock.now_s - 1, scores={"use=none": next(iter(promise().scores.values()))})
    worker.turn()
    steal(worker, "new", clock.now_s)
    clock.now_s += 9
    worker.turn()
    before = told(worker)
    kept = "1 alarm among 1 principal-period, at most 0.01 promised"
    assert before == (kept, False, False, [("guilt", ("new",))])
    worker.stop()
    again = assemble(config, clock)
    assert told(again) == before
    again.stop()


def test_a_promise_that_is_broken_when_it_is_taken_up_says_so_and_a_restart_says_the_same(config, clock):
    worker = assemble(config, clock)
    worker.put(exchange_of("tiny", narrow(np.random.default_rng(1))(3), NOW))
    for i in range(12):
        steal(worker, f"like-a-thief-{i}")
    keep(config, clock.now_s + 5)
    clock.now_s += 9
    worker.turn()
    before = told(worker)
    assert before[0].startswith("12 alarms among 13 ")
    assert before[1] and [signal for signal, _ in before[3]].count("promise") == 1
    worker.stop()
    again = assemble(config, clock)
    assert told(again) == before
    again.stop()


def test_a_review_that_breaks_the_promise_is_noticed_without_any_traffic(config, clock):
    keep(config)
    worker = assemble(config, clock)
    desk = Desk(worker, "m", 0)
    for i in range(12):
        steal(worker, f"like-a-thief-{i}")
        desk.answer(Ask(ask="review", finding=worker.observer.findings[-1].uid, verdict="theft"))
    assert not told(worker)[1]
    for finding in list(worker.observer.findings):
        desk.answer(Ask(ask="review", finding=finding.uid, verdict="honest"))
    clock.now_s += 2
    worker.turn()
    assert worker.observer.findings[-1].signal == "promise" and told(worker)[1]
    worker.stop()


def test_nobody_is_accused_of_what_a_log_of_months_ago_tells(config, clock):
    worker = assemble(config, clock)
    steal(worker)
    worker.stop()
    clock.now_s += 200 * 86_400
    keep(config, clock.now_s)
    again = assemble(config, clock)
    again.turn()
    assert again.observer.findings == [] and again.gate.decision("thief", clock()) is None
    # nor does the linker look at them
    assert again.observer.looking.rows == {} and again.observer.rows == {"thief": 64}
    again.stop()


def test_a_quiet_gate_begins_the_next_period_by_itself(config, clock):
    worker = assemble(config, clock)
    steal(worker)
    clock.now_s += 31 * 86_400
    keep(config, clock.now_s)
    worker.turn()
    assert worker.observer.findings == [] and worker.observer.looking.rows == {}
    worker.stop()
