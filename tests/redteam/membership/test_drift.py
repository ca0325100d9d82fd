import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.membership.drift import drift

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(600, 5)).astype(np.float32)


def test_drift_is_seen_in_inputs_of_any_kind():
    assert not drift(ROWS[:300], ROWS[300:]).real
    assert drift(ROWS[:300] + 1, ROWS[300:]).area > 0.8
    assert drift(ROWS[:300] * 2, ROWS[300:]).real
    words = np.array(["red", "green", "blue", "black", "white"])
    first, second = ([" ".join(RNG.choice(words, 3)) + end for _ in range(60)] for end in (" thing", " stuff"))
    assert drift(first, second).area > 0.9


def test_labels_alone_can_give_members_away():
    labels = (np.arange(300) % 5 == 0).astype(int), (np.arange(300) % 5 > 2).astype(int)
    assert not drift(ROWS[:300], ROWS[300:]).real
    assert drift(ROWS[:300], ROWS[300:], labels=labels).real
    texts = ["a b"] * 60, ["a b"] * 60
    assert drift(*texts, labels=(np.arange(60) % 5 > 0, np.arange(60) % 5 == 0)).real
    assert not drift(ROWS[:300], ROWS[300:], labels=tuple(y + 0.5 for y in labels)).real


def test_a_sorted_table_drifts():
    from sklearn.datasets import load_breast_cancer

    inputs, labels = load_breast_cancer(return_X_y=True)
    inputs = inputs[:, :3]
    found = drift(inputs[:300], inputs[300:], 0, (labels[:300], labels[300:]))
    assert found.real and found.interval[0] < found.area < found.interval[1]
    order = RNG.permutation(len(labels))
    inputs, labels = inputs[order], labels[order]
    assert not drift(inputs[:300], inputs[300:], 0, (labels[:300], labels[300:])).real


def test_without_drift_there_is_hardly_ever_any():
    false = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows, labels = rng.normal(size=(200, 3)), rng.integers(3, size=200)
        false += drift(rows[:100], rows[100:], seed, (labels[:100], labels[100:])).real
    assert false <= 1


def test_few_rows_are_refused():
    with pytest.raises(ConfigError, match="five|5"):
        drift(ROWS[:3], ROWS)
