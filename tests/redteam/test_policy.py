from contextlib import contextmanager

import numpy as np

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.budget import Budget
from wellhead.redteam.desk import Desk
from wellhead.redteam.extract.active import Random
from wellhead.redteam.oracle import InProcess, Simulated, as_answer
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
