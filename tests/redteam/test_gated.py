import numpy as np
import pytest

from wellhead.config import parse
from wellhead.core.event import Answer, Caller
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Decision, Stance, Verdict
from wellhead.defend.pipeline import Pipeline
from wellhead.gate.gate import Gate
from wellhead.gate.policy import compile_policy
from wellhead.redteam.ask import Patience
from wellhead.redteam.attack import scored
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.gated import Gated
from wellhead.redteam.oracle import Simulated
from wellhead.redteam.run import finish, run


class Strict:
    """Admits `burst` rows a minute for each caller, and labels only to `mallory`."""

    def __init__(self, burst=10**9):
        self.burst = burst
        self.admitted = {}
        self.released = []

    def admit(self, caller, query, now_s):
        minute = (caller.principal, now_s // 60)
        used = self.admitted.get(minute, 0) + query.rows
        if used > self.burst:
            return Verdict(Stance.THROTTLE, Exposure.NONE, 429, "rows a minute", 60 - now_s % 60)
        self.admitted[minute] = used
        few = caller.principal == "mallory"
        return Verdict(Stance.REDUCE if few else Stance.ALLOW, Exposure.LABEL if few else Exposure.LOGITS)

    def shape(self, query, answer, verdict):
        if verdict.exposure is Exposure.LABEL:
            return Answer(Exposure.LABEL, labels=answer.top1), "label_only"
        return answer, ""

    def release(self, caller, rows):
        self.released.append((caller.principal, rows))


def callers(*names):
    return [Caller(principal=name) for name in names]


def test_every_exchange_is_observed_with_what_was_true_and_what_was_served(pool, softmax, asker):
    seen = []
    oracle = Gated(Strict(), callers("alice", "mallory"), softmax, seen.append, rows_per_call=5)
    answer = asker(oracle).ask(pool[:20])
    assert [x.caller.principal for x in seen] == ["alice", "mallory", "alice", "mallory"]
    assert scored(answer).tolist() == [True, False] * 10
    mallory = seen[1]
    assert mallory.answer.kind is Exposure.LABEL and mallory.defence == "label_only" and mallory.stance == Stance.REDUCE
    assert np.array_equal(mallory.true_answer.scores, softmax(mallory.query.inputs))
    assert seen[0].true_answer is None and seen[0].status == 200
    assert len({x.request for x in seen}) == 4


def test_a_rate_limit_is_waited_out_in_simulated_time(pool, softmax, asker):
    seen, gate = [], Strict(burst=10)
    oracle = Gated(gate, callers("a", "b"), softmax, seen.append, Simulated(1000.0), rows_per_call=5)
    talk = asker(oracle, patience=Patience(give_up_after_s=120))
    answer = talk.ask(pool[:100])
    assert (answer.labels >= 0).all() and talk.spent.rows == 100
    assert max(gate.admitted.values()) == 10
    assert 120 < talk.spent.seconds < 600
    assert {x.status for x in seen} == {200, 429}
    assert all(x.answer is None and x.reason for x in seen if x.status == 429)


def test_a_closed_gate_ends_the_attack(pool, softmax):
    attack = Pool(inputs=pool, rows=500, per_round=100)
    oracle = Gated(Strict(burst=50), callers("a", "b"), softmax, lambda x: None, Simulated(0.0))
    last = finish(run(attack, oracle, patience=Patience(give_up_after_s=30)))
    assert last.state == "blocked" and len(last.result.inputs) == 100
    assert all(state.blocked for state in last.accounts.values())


def test_rows_are_released_where_the_model_fails(pool, asker):
    def model(inputs):
        raise OSError("gone")

    gate = Strict()
    talk = asker(Gated(gate, callers("a"), model, lambda x: None), patience=Patience(attempts=2))
    talk.ask(pool[:3])
    assert gate.released == [("a", 3), ("a", 3)] and "gone" in talk.last_failure


def test_a_delay_takes_time(pool, softmax, asker):
    gate = Strict()
    gate.admit = lambda caller, query, now_s: Verdict(Stance.DELAY, Exposure.LOGITS, delay_s=2.0)
    talk = asker(Gated(gate, callers("a"), softmax, lambda x: None, rows_per_call=1))
    talk.ask(pool[:5])
    assert talk.spent.seconds == pytest.approx(10.0)


def test_the_gate_that_serves_customers_is_the_one_attacked(pool, softmax, asker):
    policy = parse('mode = "enforce"\n[limits]\nrows_per_minute = 60\nburst_rows = 20\n[exposure]\nexposure = "label"')
    gate = Gate(compile_policy(policy), Pipeline(), b"k" * 32)

    def observe(exchange):
        if exchange.status == 200:
            gate.settle(exchange.caller.principal, exchange.query.rows)

    oracle = Gated(gate, callers("a", "b"), softmax, observe, Simulated(1.8e9), rows_per_call=10)
    talk = asker(oracle, patience=Patience())
    answer = talk.ask(pool[:200])
    assert (answer.labels >= 0).all() and not scored(answer).any()
    # 100 rows each, the first 20 at once and then one a second; the two accounts wait in turn.
    assert 80 <= talk.spent.seconds <= 300


def test_a_thief_pays_for_challenges_with_its_time(pool, softmax, asker):
    policy = parse('mode = "enforce"\n[stances.challenge]\nchallenge_bits = 10\n')
    gate = Gate(compile_policy(policy), Pipeline(), b"k" * 32)
    clock = Simulated(1_800_000_000.0)
    end_us = int((clock.now_s() + 1e6) * 1e6)
    gate.decide(Decision(uid="d", principal="a", stance=4, reason="", origin="test", start_us=0, expires_us=end_us))
    oracle = Gated(gate, callers("a"), softmax, lambda _: None, clock, rows_per_call=5)
    started_s = clock.now_s()
    answer = asker(oracle).ask(pool[:10])
    assert scored(answer).all() and clock.now_s() - started_s >= 2 * 1024 * 0.003
