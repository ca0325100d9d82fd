import msgspec
import numpy as np
import pytest

from wellhead.detect.past import Past
from wellhead.testing.signals import views


def features(points, placed, names=("a",)):
    return views(
        names=names, features=np.asarray(points, dtype=np.float32), placed=np.asarray(placed, dtype=np.float64)
    )


def drawn(rng, n, shift=0.0, width=64):
    """Random Fourier features of n inputs."""
    turns = np.random.default_rng(9)
    w, b = turns.normal(size=(4, width)), turns.uniform(0, 2 * np.pi, width)
    return np.cos(rng.normal(shift, 1, (n, 4)) @ w * 0.5 + b)


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, -0.05, 0.05), (2.0, 0.2, 2.0)])
def test_moved_is_nothing_where_nothing_changed(shift, low, high):
    rng = np.random.default_rng(1)
    found = []
    for _ in range(40):
        rows_ = np.concatenate([drawn(rng, 64), drawn(rng, 64, shift)])
        past = Past()
        past.moved(features([rows_[:64].mean(0)], [64]))
        found.append(past.moved(features([rows_.mean(0)], [128])).moved[0])
    assert low < np.mean(found) < high


def test_moved_is_unknown_at_first_and_without_codes():
    past = Past()
    one = features(np.full((1, 64), 0.5), [32])
    assert np.isnan(past.moved(one).moved).all()
    assert np.isnan(past.moved(one).moved).all()
    blank = msgspec.structs.replace(one, placed=np.zeros(1))
    assert np.isnan(past.moved(blank).moved).all()


def test_the_past_outlives_its_period():
    rng = np.random.default_rng(2)
    before, after = drawn(rng, 200), drawn(rng, 100, 2.0)
    past = Past()
    past.moved(features([before.mean(0)], [200]))
    past.roll()
    changed = past.moved(features([after.mean(0)], [100])).moved[0]
    assert changed == pytest.approx(((after.mean(0) - before.mean(0)) ** 2).sum() / 32, abs=0.05)


def test_many_principals_come_and_go():
    rng = np.random.default_rng(3)
    past = Past()
    for size in (3, 50, 700):
        names = tuple(f"p{i}" for i in range(size))
        point = drawn(rng, size)
        past.moved(features(point, np.full(size, 16.0), names))
        again = past.moved(features(point, np.full(size, 32.0), names)).moved
        assert np.isfinite(again).all()


def test_another_space_forgets_the_past():
    past = Past()
    past.moved(features(np.zeros((1, 8)), [16]))
    assert np.isnan(past.moved(features(np.zeros((1, 64)), [32])).moved).all()
    assert np.isnan(past.moved(features(np.zeros((1, 64)), [32])).moved).all()
    assert np.isfinite(past.moved(features(np.zeros((1, 64)), [64])).moved).all()
