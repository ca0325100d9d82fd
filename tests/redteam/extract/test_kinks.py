import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.redteam.extract.kinks import Line


def bend(at, sizes):
    """A piecewise-linear function of two outputs."""
    return lambda t: np.stack([np.abs(t[:, None] - at) @ sizes, np.maximum(t[:, None] - at, 0) @ sizes[::-1]], axis=1)


def search(f, grid=64, narrow=1e-9):
    line, t, rounds = Line(2, 1e-10, narrow), np.linspace(0, 1, grid), 0
    while t.size and rounds < 60:
        line.add(t, f(t), np.zeros(t.size))
        t, rounds = line.ask(), rounds + 1
    return line


@given(st.integers(1, 12), st.integers(0, 10_000))
def test_every_kink_is_found_where_it_is(count, seed):
    rng = np.random.default_rng(seed)
    at = np.sort(0.1 + 0.8 * (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count)
    line = search(bend(at, rng.uniform(0.5, 2, count)))
    assert line.kinks().size == count and np.abs(line.kinks() - at).max() < 1e-9


def test_a_straight_is_not_divided_further():
    line = search(lambda t: np.stack([3 * t + 1, -t], axis=1))
    assert line.t.size == 64 and not line.kinks().size


def test_two_close_kinks_are_told_apart_with_few_questions():
    line = search(bend(np.array([0.5, 0.50004]), np.ones(2)))
    assert np.allclose(line.kinks(), [0.5, 0.50004], atol=1e-9) and line.t.size < 150


def test_a_jump_ends_at_the_narrowest_cell():
    line = search(lambda t: np.stack([t > 0.3, t], axis=1).astype(float), narrow=1e-6)
    assert not line.open().size and line.t.size < 200


def test_unanswered_points_are_left_out():
    f = bend(np.array([0.5]), np.ones(1))
    line = Line(2, 1e-10, 1e-9)
    t = np.linspace(0, 1, 64)
    line.add(t, np.where(t[:, None] < 0.1, np.nan, f(t)), np.zeros(64))
    assert line.t[0] >= 0.1
    line.add(line.ask(), f(line.ask()), np.zeros(line.ask().size))
    assert line.kinks() == pytest.approx([0.5])


def test_slopes_between_points():
    line = search(bend(np.array([0.5]), np.ones(1)))
    assert np.allclose(line.slopes(np.array([0.0, *line.kinks(), 1.0])), [[-1, 0], [1, 1]])
    assert np.isnan(line.slopes(np.array([0.0, 0.123, 1.0]))).all()
