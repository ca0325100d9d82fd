from contextlib import contextmanager

import numpy as np
import pytest

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.budget import Budget
from wellhead.redteam.desk import Desk
from wellhead.redteam.extract.active import Random
from wellhead.redteam.oracle import InProcess, Reply, Simulated, as_answer
from wellhead.redteam.policy import Policy, through
from wellhead.redteam.transcript import Transcript


def labels_only(model):
    """The smallest policy: no scores."""

    @contextmanager
    def guard():
        def shaped(inputs):
            return Answer(Exposure.LABEL, labels=as_answer(model(inputs)).top1)

        yield InProcess(shaped, "guarded", clock=Simulated())

    return guard()


def desk_of(model, rows):
    return Desk(InProcess(model, "open", clock=Simulated()), Budget(rows=rows), Transcript())


def test_the_attack_sees_the_policy_and_true_answers_are_not_asked_twice(softmax, pool):
    desk = desk_of(softmax, 500)
    attack = Random(inputs=pool[:200], rows=100, per_round=50, top_up=False)
    for _ in desk.run(attack, 500, 3):
        pass
    spent = desk.spent.rows
    last = through(Policy("p.toml", labels_only), desk, attack, 100, 3)
    assert last.state == "ok" and last.spent.rows == 100
    assert last.result.answer.kind is Exposure.LABEL
    truth = as_answer(softmax(last.result.inputs)).top1
    assert np.array_equal(last.result.answer.labels, truth)
    assert desk.spent.rows == spent == 100


def test_a_used_up_budget_ends_the_attack_with_a_reason(softmax, pool):
    desk = desk_of(softmax, 30)
    last = through(Policy("p.toml", labels_only), desk, Random(inputs=pool[:200], rows=100, per_round=50), 100, 3)
    assert last.state == "failed" and "budget is used up" in last.reason
    assert desk.spent.rows <= 30


class Slow:
    """Lets a thief wait so long before its first answer."""

    target, owner, rows_per_call, timeout_s, concurrent = "guarded", "", 64, 1.0, False
    account = "thief-1"

    def __init__(self, model, wait_s):
        self.model, self.wait_s, self.clock, self.lines = model, wait_s, Simulated(), (self,)

    def send(self, inputs, timeout_s):
        left_s = self.wait_s - self.clock.now_s()
        if left_s > 0:
            return Reply(429, retry_after_s=left_s)
        return Reply(200, as_answer(self.model(inputs)))

    def close(self):
        pass


@pytest.mark.parametrize(("wait_s", "state"), [(3000.0, "ok"), (4000.0, "blocked")])
def test_the_thief_waits_for_an_hour_and_no_longer(softmax, pool, wait_s, state):
    @contextmanager
    def guard(model):
        yield Slow(model, wait_s)

    last = through(Policy("p.toml", guard), desk_of(softmax, 500), Random(inputs=pool[:200], rows=60), 60, 0)
    assert last.state == state
