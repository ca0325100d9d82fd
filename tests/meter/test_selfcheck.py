import numpy as np
import pytest
from metering import classifier, inputs, regressor, softmax_model

from wellhead.meter.selfcheck import Sample, agreement, counts, projected, readings, real_points, verdict

X = inputs(300)
SAMPLE = Sample(X, softmax_model(X).argmax(1), softmax_model(X))
POOL, JUDGE = np.split(np.arange(300), [160])


class Says:
    """A learner that always says one class, and remembers what it was asked to learn."""

    def __init__(self, label, calls):
        self.label, self.calls = label, calls

    def __call__(self, x, targets, seed):
        self.calls.append((self.label, len(x), np.asarray(targets).ndim))
        return self

    def predict(self, x):
        return np.full(len(x), self.label)


def test_agreement():
    assert agreement(np.array([1, 2]), np.array([1, 3])) == 0.5
    truth = np.array([1.0, 2.0, 3.0])
    assert agreement(truth, truth) == 1.0 and agreement(-9 * truth, truth) == 0.0
    assert agreement(np.full(3, 2.0), truth) == 0.0


def test_rows_grow_to_the_whole_pool():
    assert counts(np.arange(160)) == [20, 53, 160]


def test_the_best_learner_counts_and_the_worst_is_left_behind():
    calls = []
    shares = np.bincount(SAMPLE.truth[JUDGE], minlength=3) / len(JUDGE)
    real = real_points(SAMPLE, POOL, JUDGE, {str(c): Says(c, calls) for c in range(3)}, 0)
    assert set(real) == {(kind, n) for kind in ("labels", "scores") for n in (20, 53, 160)}
    assert np.allclose(list(real.values()), shares.max())
    asked = {label for label, n, _ in calls if n == 160}
    assert asked == {0, 1, 2} - {int(shares.argmin())}


def test_no_learners_no_points():
    assert real_points(SAMPLE, POOL, JUDGE, {}, 0) == {}


def test_readings_are_of_the_same_rows_and_grow():
    own = readings(classifier(), SAMPLE, POOL, JUDGE)
    assert set(own) == {(kind, n) for kind in ("labels", "scores") for n in (20, 53, 160)}
    assert own["scores", 160] > own["scores", 20] and all(own["scores", n] >= own["labels", n] for n in (20, 53, 160))


def test_regressors_are_read_by_value():
    sample = Sample(X, X[:, 0].astype(float), None)
    assert {kind for kind, _ in readings(regressor(), sample, POOL, JUDGE)} == {"values"}


def test_the_verdict_is_the_mean_miss_in_points():
    real = {("labels", 10): 0.5, ("scores", 10): 0.6}
    check = verdict(real, {("labels", 10): 0.53, ("scores", 10): 0.59})
    assert check.error == pytest.approx(2.0) and check.bias == pytest.approx(1.0)
    assert check.points == ((10, 0.53, 0.5), (10, 0.59, 0.6)) and not check.reason


def test_attainable_follows_the_power_law():
    law = {("labels", n): 1.0 - 2.0 * n**-0.5 for n in (25, 100, 400)}
    assert projected(law, 1000, 0.1) == pytest.approx(1.0 - 2.0 * 10_000**-0.5)


def test_attainable_is_never_below_what_was_seen_nor_at_the_floor():
    falling = {("labels", 10): 0.9, ("labels", 100): 0.8}
    assert projected(falling, 1000, 0.1) == 0.9
    assert projected({("labels", 10): 0.2}, 10, 0.3) == pytest.approx(0.31)
