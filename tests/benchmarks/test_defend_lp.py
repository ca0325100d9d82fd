import itertools

import numpy as np
import pytest
from benchmarks.defend_lp import cost, feasible, rows, solve


@pytest.mark.parametrize("epsilon", [0.3, 1.0])
def test_no_point_of_a_grid_is_better_than_the_programme(epsilon):
    row = np.array([0.5, 0.3, 0.2])
    best = solve(row, epsilon)
    assert feasible(row, best, epsilon)
    grid = [np.array([a, b, 100 - a - b]) / 100 for a, b in itertools.product(range(101), repeat=2) if a + b <= 100]
    fit = [p for p in grid if feasible(row, p, epsilon)]
    assert len(fit) > 50
    assert min(float(cost(row) @ p) for p in fit) >= float(cost(row) @ best) - 1e-9


def test_a_lead_that_is_lost_and_a_way_too_far_are_not_feasible():
    row = np.array([0.5, 0.3, 0.2])
    assert feasible(row, row, 0.0)
    assert not feasible(row, np.array([0.4, 0.4, 0.2]), 1.0)
    assert not feasible(row, np.array([0.6, 0.4, 0.0]), 0.1)
    assert not feasible(row, np.array([0.6, 0.6, -0.2]), 2.0)


def test_a_tie_can_be_solved():
    row = np.array([0.4, 0.4, 0.2])
    assert feasible(row, solve(row, 0.5), 0.5)


def test_rows_are_probabilities():
    made = rows(4, 9, np.random.default_rng(0))
    assert made.shape == (9, 4) and np.allclose(made.sum(axis=1), 1)
