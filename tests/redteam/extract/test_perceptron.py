import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.clone import softmax
from wellhead.redteam.extract.perceptron import Perceptron, log_odds, loss
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

RNG = np.random.default_rng(5)
A, B = RNG.normal(size=(6, 4)), RNG.normal(size=(5, 3))
KNOWN = Known(rows=400, shape=(5,), low=np.zeros(5), high=np.full(5, 3.0), classes=3)


def model(inputs):
    hidden = np.tanh(np.column_stack([np.asarray(inputs, float) - 1, np.ones(len(inputs))]) @ A)
    return softmax(hidden @ B[:-1] + B[-1])


def attack(**settings):
    return Perceptron(low=KNOWN.low, high=KNOWN.high, shape=(5,), classes=3, hidden=4, **settings)


def test_it_keeps_the_contract():
    check_attack(attack(rows=60, steps=50), model)


def test_a_small_network_is_recovered_from_about_as_many_answers_as_unknowns():
    last = finish(run(attack(steps=5000, tries=5), InProcess(model), seed=2))
    fresh = RNG.uniform(0, 3, (2000, 5))
    assert last.spent.rows == 51 and last.spent.calls == 1
    assert np.abs(last.result.clone.predict_proba(fresh) - model(fresh)).max() < 1e-4


def test_the_gradient_is_that_of_the_loss():
    inputs, odds, weights = RNG.normal(size=(9, 6)), RNG.normal(size=(9, 3)), RNG.normal(size=6 * 4 + 5 * 3)
    odds -= odds.mean(axis=1, keepdims=True)
    gradient = loss(weights, inputs, odds, 4, 0.1)[1]
    for i in (0, 7, 23, 24, 38):
        step = np.zeros(weights.size)
        step[i] = 1e-6
        slope = (loss(weights + step, inputs, odds, 4, 0.1)[0] - loss(weights - step, inputs, odds, 4, 0.1)[0]) / 2e-6
        assert gradient[i] == pytest.approx(slope, abs=1e-6)


def test_rounded_answers_are_refused():
    with pytest.raises(Unsuited, match="precision"):
        Perceptron.suit(Known(rows=400, shape=(5,), low=KNOWN.low, high=KNOWN.high, classes=3, decimals=4))
    with pytest.raises(Unsuited, match="precision"):
        log_odds(Answer(Exposure.PROBABILITIES, scores=np.array([[1.0, 0.0]])))


def test_logits_need_no_logarithm():
    assert np.array_equal(log_odds(Answer(Exposure.LOGITS, scores=np.array([[3.0, 1.0]]))), [[1.0, -1.0]])


@pytest.mark.parametrize(("rows", "classes", "why"), [(20, 3, "too few"), (9000, 10_000, "too many")])
def test_what_cannot_be_solved_in_time_is_refused(rows, classes, why):
    with pytest.raises(Unsuited, match=why):
        Perceptron.suit(Known(rows=rows, shape=(5,), low=KNOWN.low, high=KNOWN.high, classes=classes))
