import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis.extra.numpy import arrays

from wellhead.core.errors import ConfigError
from wellhead.defend.guarantees import Context
from wellhead.defend.modelguard_w import LEAST, MARGIN, ModelGuardW
from wellhead.defend.spec import parse
from wellhead.testing.defences import check_batch, check_defence, hard_rows

logits = st.integers(2, 7).flatmap(lambda k: arrays(np.float64, (2, k), elements=st.floats(-40, 40)))
epsilons = st.sampled_from([0.0, 1e-3, 0.1, 0.5, 1.0, 1.7, 2.0])


def probabilities(x):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def shaped(scores, epsilon):
    return ModelGuardW(epsilon).shape(np.asarray(scores, dtype=np.float64), Context())


def objective(before, after):
    return (np.log(before + 1e-6) * after).sum(axis=-1)


def margin_of(y):
    first, second = np.sort(y)[:-3:-1]
    return min(MARGIN, max(first - second, LEAST))


def solved(y, epsilon):
    """The linear programme as it is written, by HiGHS: what is added and what is taken away, class by class."""
    from scipy.optimize import linprog

    k, top, cost = len(y), int(y.argmax()), np.log(y + 1e-6)
    others = [j for j in range(k) if j != top]
    leads = np.eye(k)[others] - np.eye(k)[top]
    found = linprog(
        np.concatenate((cost, -cost)),
        A_ub=np.vstack((np.ones((1, 2 * k)), np.hstack((leads, -leads)))),
        b_ub=np.concatenate(([epsilon], y[top] - y[others] - margin_of(y))),
        A_eq=np.concatenate((np.ones(k), -np.ones(k)))[None],
        b_eq=[0.0],
        bounds=[(0, None)] * k + [(0, value) for value in y],
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return found.fun + cost @ y if found.success else None


def greedy(y, epsilon, share):
    """What the best class's share costs, one class after the other; infinite where the distance does not allow it."""
    top, ceiling = int(y.argmax()), share - margin_of(y)
    others = sorted((j for j in range(len(y)) if j != top), key=lambda j: y[j])
    left = 1.0 - share
    filled = dict.fromkeys(others, 0.0)
    for j in others:
        filled[j] = min(max(left, 0.0), ceiling)
        left -= filled[j]
    if left > 1e-12 or ceiling < 0.0:
        return np.inf
    up, down = max(share - y[top], 0.0), max(y[top] - share, 0.0)
    moved = min(epsilon / 2, up + sum(max(filled[j] - y[j], 0.0) for j in others))
    held = {j: min(y[j], ceiling) for j in others}
    add, take = moved - up, moved - down - sum(y[j] - held[j] for j in others)
    if add < -1e-12 or take < -1e-12:
        return np.inf
    for j in others:
        part = min(max(add, 0.0), ceiling - held[j])
        held[j] += part
        add -= part
    for j in reversed(others):
        part = min(max(take, 0.0), held[j])
        held[j] -= part
        take -= part
    return sum(np.log(y[j] + 1e-6) * held[j] for j in others) + np.log(y[top] + 1e-6) * share


def searched(y, epsilon):
    """The least cost over all shares of the best class, by ever finer grids."""
    low, high = 0.0, 1.0
    for _ in range(12):
        grid = np.union1d(np.linspace(low, high, 21), [y.max()] if low <= y.max() <= high else [])
        costs = [greedy(y, epsilon, share) for share in grid]
        at = int(np.argmin(costs))
        low, high = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    return min(costs)


@pytest.mark.parametrize("epsilon", [0.0, 1e-7, 0.05, 1.0, 2.0])
def test_keeps_the_contract(epsilon):
    check_defence(ModelGuardW(epsilon))


@given(logits, epsilons)
@settings(max_examples=60)
def test_nothing_within_the_distance_misleads_more_says_a_solver(x, epsilon):
    before = probabilities(x)
    for y, served in zip(before, shaped(before, epsilon), strict=True):
        least = solved(y, epsilon)
        # Rows that lead by less than LEAST are lifted first, and the solver allows itself some error.
        assert least is None or abs(objective(y, served) - least) <= 1e-7


@pytest.mark.parametrize("classes", [3, 5, 10, 40])
def test_nothing_misleads_more_on_hard_rows_and_on_many_classes(classes):
    rows = hard_rows(classes)[-60::4]
    for epsilon in (0.3, 1.0):
        for y, served in zip(rows, shaped(rows, epsilon), strict=True):
            least = solved(y, epsilon)
            assert least is None or abs(objective(y, served) - least) <= 1e-7


@given(logits, epsilons)
@settings(max_examples=30)
def test_nothing_misleads_more_says_a_search_class_by_class(x, epsilon):
    y = probabilities(x)[0]
    assume(np.diff(np.sort(y)[-2:])[0] > 2 * LEAST)
    assert objective(y, shaped(y[None], epsilon)[0]) <= searched(y, epsilon) + 1e-9


@given(logits, epsilons, st.randoms(use_true_random=False))
def test_classes_in_another_order_get_the_same_answers_bit_for_bit(x, epsilon, random):
    before = probabilities(x)
    order = random.sample(range(x.shape[1]), x.shape[1])
    after, moved = shaped(before, epsilon), shaped(before[:, order], epsilon)
    for y, one, other in zip(before, after, moved, strict=True):
        if len(set(y)) == len(y):
            assert np.array_equal(one[order], other)
        else:
            assert np.allclose(np.sort(one), np.sort(other), rtol=0, atol=1e-12)


@given(logits, epsilons, epsilons)
def test_who_may_move_more_moves_more_and_misleads_more(x, one, other):
    before = probabilities(x)
    less, more = shaped(before, min(one, other)), shaped(before, max(one, other))
    assert (np.abs(less - before).sum(axis=1) <= np.abs(more - before).sum(axis=1) + 1e-8).all()
    assert (objective(before, more) <= objective(before, less) + 1e-7).all()


@given(logits, epsilons)
def test_the_best_class_leads_by_the_margin(x, epsilon):
    before = probabilities(x)
    lead = np.diff(np.sort(shaped(before, epsilon))[:, -2:])[:, 0]
    assert (lead >= np.minimum(np.diff(np.sort(before)[:, -2:])[:, 0], MARGIN) - 1e-12).all()


def test_no_distance_leaves_the_row_as_it_is_in_another_array():
    rows = hard_rows(5) * (1.0 + 1e-7)
    assert np.array_equal(shaped(rows, 0.0), rows) and shaped(rows, 0.0) is not rows


@pytest.mark.parametrize("size", [1, 7, 300])
def test_a_row_is_the_same_alone_in_any_batch_and_in_any_layout(size):
    rows = np.random.default_rng(size).dirichlet(np.full(13, 0.3), size)
    together = shaped(rows, 1.0)
    assert np.array_equal(shaped(np.asfortranarray(rows), 1.0), together)
    assert np.array_equal(shaped(np.repeat(rows, 2, axis=1)[:, ::2], 1.0), together)
    assert np.array_equal(np.vstack([shaped(row[None], 1.0) for row in rows]), together)


def test_what_is_left_of_some_rows():
    assert shaped([[0.9, 0.1]], 1.0)[0] == pytest.approx([0.50005, 0.49995])
    assert shaped([[0.9, 0.07, 0.03]], 1.0)[0] == pytest.approx([0.4, 0.2001, 0.3999])
    assert np.sort(shaped([[0.0, 1.0, 0.0, 0.0]], 1.0)[0]) == pytest.approx([0.0, 0.0001, 0.4999, 0.5])
    assert shaped([[0.25] * 4], 1.0)[0].argmax() == 0


def test_sums_that_are_off_a_little_stay_within_the_distance():
    for off in (0.0, 8e-7, -8e-7):
        rows = hard_rows(6) * (1.0 + off)
        assert (np.abs(shaped(rows, 0.1) - rows).sum(axis=1) <= 0.1 + 1e-12).all()
        check_batch(ModelGuardW(5e-7), rows, Context())


def test_one_class_and_no_rows():
    assert shaped([[1.0], [1.0]], 1.0).tolist() == [[1.0], [1.0]]
    assert shaped(np.zeros((0, 4)), 1.0).shape == (0, 4)


def test_is_written_with_its_distance():
    assert parse("modelguard_w:0.5") == ModelGuardW(0.5)
    with pytest.raises(ConfigError):
        parse("modelguard_w:3")
