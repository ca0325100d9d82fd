import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from wellhead.defend.guarantees import Argmax, Context
from wellhead.defend.reverse_sigmoid import ReverseSigmoid, reverse_sigmoid
from wellhead.testing.defences import check_defence


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("settings", [(0.8, 0.2), (1.0, 0.1), (2.0, 10.0), (0.0, 0.2)])
def test_keeps_the_contract(settings, guarded):
    check_defence(ReverseSigmoid(*settings, guarded))


def test_by_hand():
    # With beta and gamma 1 it is y - (y - 1/2): every class alike.
    bent = reverse_sigmoid(np.array([[0.5, 0.5], [0.9, 0.1]]), beta=1.0, gamma=1.0)
    assert np.allclose(bent, 0.5)


@given(st.lists(st.floats(0.001, 1.0), min_size=2, max_size=6), st.floats(0, 1), st.floats(0, 1))
def test_each_number_against_the_formula(row, beta, gamma):
    row = np.array(row) / sum(row)
    raw = [max(p - beta * (1 / (1 + ((1 - p) / p) ** gamma) - 0.5), 0.0) for p in row.tolist()]
    assert np.allclose(reverse_sigmoid(row[None], beta, gamma)[0], np.array(raw) / sum(raw))


@pytest.mark.parametrize(("classes", "kept"), [(10, 1.0), (100, 0.67), (1000, 0.22)])
def test_unguarded_it_loses_the_best_class(classes, kept):
    powers = np.exp(np.random.default_rng(0).normal(0, 3, (2000, classes)))
    rows = powers / powers.sum(axis=1, keepdims=True)
    bare = ReverseSigmoid(1.0, 0.1, guarded=False)
    assert abs((bare.shape(rows, Context()).argmax(axis=1) == rows.argmax(axis=1)).mean() - kept) < 0.04
    assert bare.guarantees.argmax is Argmax.NONE
    guarded = ReverseSigmoid(1.0, 0.1).shape(rows, Context())
    assert np.array_equal(guarded.argmax(axis=1), rows.argmax(axis=1))


def test_the_guard_leaves_alone_what_keeps_its_best_class():
    rows = np.array([[0.6, 0.3, 0.1]])
    assert np.array_equal(
        ReverseSigmoid(0.5, 0.3).shape(rows, Context()), ReverseSigmoid(0.5, 0.3, False).shape(rows, Context())
    )
