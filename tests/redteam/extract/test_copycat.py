import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.copycat import Copycat
from wellhead.redteam.known import Known
from wellhead.redteam.learner import logistic
from wellhead.redteam.measure import best_clone
from wellhead.redteam.oracle import InProcess, as_answer
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

WEIGHTS = np.random.default_rng(1).normal(size=(36, 3))
KNOWN = Known(rows=600, shape=(6, 6), low=np.zeros(36), high=np.ones(36))


def model(x):
    powers = np.exp((x.reshape(len(x), -1) - 0.5) @ WEIGHTS)
    return powers / powers.sum(axis=1, keepdims=True)


def test_it_keeps_the_contract():
    check_attack(Copycat.suit(KNOWN), model)
    texts = [f"text {i}" for i in range(30)]
    check_attack(Copycat.suit(Known(rows=20, pool=texts)), lambda x: np.array([len(t) for t in x]))
    with pytest.raises(Unsuited, match="labels"):
        Copycat.suit(Known(task="regressor", shape=(2,)))


def test_it_learns_from_labels_on_noise_what_the_model_does_on_its_own_inputs():
    result = finish(run(Copycat.suit(KNOWN), InProcess(model))).result
    assert result.answer.kind == Exposure.LABEL and result.answer.scores is None
    judge = np.random.default_rng(2).random((800, 6, 6)).astype(np.float32)
    found = best_clone(result.inputs, result.answer, judge, as_answer(model(judge)), 0, {"logistic": logistic})
    assert found.fidelity.low > 0.85
