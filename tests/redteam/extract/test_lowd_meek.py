import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.redteam.extract.lowd_meek import LowdMeek
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack


def halfspace(features, bias=0.1, skip=None, seed=3):
    weights = np.random.default_rng(seed).normal(size=features)
    if skip is not None:
        weights[skip] = 0

    def answer(inputs):
        return (np.asarray(inputs, np.float64).reshape(len(inputs), -1) @ weights + bias > 0).astype(np.int64)

    return answer, weights


def attack(features, **settings):
    return LowdMeek(**{"low": -np.ones(features), "high": np.ones(features), "shape": (features,), **settings})


@pytest.mark.parametrize(("features", "skip"), [(2, None), (30, None), (12, 5)])
def test_labels_alone_give_the_weights(features, skip):
    model, weights = halfspace(features, skip=skip)
    last = finish(run(attack(features), InProcess(model)))
    found = last.result.clone.weights
    assert np.abs(found / np.linalg.norm(found) - weights / np.linalg.norm(weights)).max() < 1e-8
    fresh = np.random.default_rng(0).uniform(-1, 1, (2000, features))
    assert np.array_equal(last.result.clone.predict(fresh), model(fresh))
    assert last.spent.calls <= 110 and last.spent.rows <= 60 * features + 260


def test_features_of_other_ranges():
    model, _ = halfspace(4)
    low, high = np.array([0, 0, 1000, -3.0]), np.array([1, 10, 2000, 3.0])

    def wide(inputs):
        return model((np.asarray(inputs, float) - low) / (high - low) * 2 - 1)

    clone = finish(run(LowdMeek(low=low, high=high, shape=(4,)), InProcess(wide))).result.clone
    fresh = np.random.default_rng(0).uniform(low, high, (2000, 4))
    assert np.array_equal(clone.predict(fresh), wide(fresh))


def test_what_is_not_linear_is_told():
    ball = InProcess(lambda x: (np.linalg.norm(x, axis=1) < 1.5).astype(np.int64))
    result = finish(run(attack(5), ball)).result
    assert result.clone is None and "not linear" in result.detail


def test_three_classes_are_told_at_once():
    last = finish(run(attack(5), InProcess(lambda x: np.digitize(x[:, 0], [-0.1, 0.1]))))
    assert last.result.clone is None and last.spent.rows == 40 and "3 classes" in last.result.detail


def test_suit_names_what_does_not_fit():
    fits = {"shape": (4,), "low": -np.ones(4), "high": np.ones(4), "classes": 2}
    assert LowdMeek.suit(Known(**fits)).rows == 2000
    for wrong in ({"classes": 3}, {"task": "regressor"}, {"rows": 50}, {"shape": ()}):
        with pytest.raises(Unsuited):
            LowdMeek.suit(Known(**{**fits, **wrong}))


def test_the_contract():
    check_attack(attack(3), halfspace(3)[0])
