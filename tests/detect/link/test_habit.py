import numpy as np

from wellhead.detect.link import habit

HONEST = np.random.default_rng(0).normal(0.75, 0.05, 1000).clip(0, 1)


def gain(unique, rows, of):
    point, rows = np.array([unique]), np.array([float(rows)])
    return float(habit.gain(point, rows, habit.usual(point, rows, HONEST), of)[0])


def test_never_repeating_ties_only_where_honest_principals_repeat():
    assert gain(1.0, 64, 1.0) > 2
    assert abs(gain(0.75, 64, 0.75)) < 1.5


def test_a_usual_habit_does_not_fit_one_that_never_repeats():
    assert gain(0.75, 256, 1.0) < -15


def test_few_rows_prove_little():
    assert gain(0.9, 16, 1.0) > gain(0.9, 256, 1.0)
