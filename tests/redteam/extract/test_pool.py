import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import answered
from wellhead.redteam.extract.choose import PICKS
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.learner import logistic
from wellhead.redteam.measure import best_clone, fidelity
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run

RNG = np.random.default_rng(0)
POOL = RNG.normal(size=(1500, 10)).astype(np.float32)
WEIGHTS = RNG.normal(size=(10, 3))


def model(inputs):
    powers = np.exp(3 * inputs @ WEIGHTS)
    return powers / powers.sum(axis=1, keepdims=True)


def talk(attack, reply):
    """Batches asked, and the result."""
    conversation, asked = attack.run(np.random.default_rng(0)), []
    try:
        inputs = next(conversation)
        while True:
            asked.append(inputs)
            inputs = conversation.send(reply(inputs))
    except StopIteration as stop:
        return asked, stop.value


@pytest.mark.parametrize("pick", PICKS)
def test_every_input_is_asked_once_in_rounds_of_the_given_size(pick):
    attack = Pool(inputs=POOL, rows=250, per_round=100, pick=pick)
    asked, result = talk(attack, lambda x: as_answer(model(x)))
    assert [len(a) for a in asked] == [100, 100, 50]
    assert len(np.unique(np.concatenate(asked), axis=0)) == 250 and np.array_equal(np.concatenate(asked), result.inputs)


def test_a_pool_smaller_than_the_rows_ends_early_where_it_may_not_be_topped_up():
    attack = Pool(inputs=POOL[:70], rows=500, per_round=50, top_up=False)
    asked, result = talk(attack, lambda x: as_answer(model(x)))
    assert sum(map(len, asked)) == 70 == len(result.inputs) and "70 of 500" in result.detail


def test_a_pool_smaller_than_the_rows_is_topped_up_after_its_own_inputs_and_that_is_better_than_stopping():
    truth, found = as_answer(model(POOL[1000:])), {}
    for top_up in (False, True):
        attack = Pool(inputs=POOL[:60], rows=300, per_round=60, top_up=top_up)
        asked, result = talk(attack, lambda x: as_answer(model(x)))
        assert {row.tobytes() for row in asked[0]} == {row.tobytes() for row in POOL[:60]}
        found[top_up] = best_clone(result.inputs, result.answer, POOL[1000:], truth, 0, {"logistic": logistic}).fidelity
    assert "240 mixed" in result.detail and found[True].value > found[False].value > 0.8


def test_unanswered_rows_are_drawn_again_later():
    def moody(inputs):
        moody.round += 1
        labels = model(inputs).argmax(axis=1)
        return Answer(Exposure.LABEL, labels=np.where(np.arange(len(inputs)) % 2 == moody.round % 2, labels, -1))

    moody.round = 0
    _, result = talk(Pool(inputs=POOL[:40], rows=40, per_round=8), moody)
    assert len(np.unique(result.inputs, axis=0)) == 40 and answered(result.answer).all()


def test_uncertain_inputs_lie_nearer_the_boundary():
    asked, _ = talk(Pool(inputs=POOL, rows=200, per_round=100, pick="uncertainty"), lambda x: as_answer(model(x)))
    margins = [np.diff(np.sort(model(a), axis=1)[:, -2:]).mean() for a in asked]
    assert margins[1] < 0.75 * margins[0]


def test_uncertainty_beats_random_on_a_linear_model():
    truth = as_answer(model(POOL[1000:]))
    found = {}
    for pick in ("random", "uncertainty"):
        attack = Pool(inputs=POOL[:1000], rows=200, per_round=50, pick=pick)
        result = finish(run(attack, InProcess(lambda x: model(x).argmax(axis=1)), seed=1)).result
        found[pick] = best_clone(result.inputs, result.answer, POOL[1000:], truth, 0, {"logistic": logistic}).fidelity
    assert found["uncertainty"].value > found["random"].value > 0.8


def test_regressors_are_asked_where_clones_disagree():
    def steps(inputs):
        return np.floor(inputs[:, 0] * 2).astype(np.float64)

    attack = Pool(inputs=POOL, rows=120, per_round=60, pick="uncertainty", learner="random_forest")
    result = finish(run(attack, InProcess(steps))).result
    clone = best_clone(result.inputs, result.answer, POOL[1000:], as_answer(steps(POOL[1000:]))).clone
    assert fidelity(clone, POOL[1000:], as_answer(steps(POOL[1000:]))).value > 0.8


@pytest.mark.parametrize(
    "wrong", [{"pick": "best"}, {"learner": "oracle"}, {"per_round": 0}, {"rows": -1}, {"inputs": POOL[:0]}]
)
def test_a_configuration_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected"):
        Pool(**{"inputs": POOL, **wrong})
