import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from wellhead.defend.guarantees import Context
from wellhead.defend.rounding import Rounding, round_row
from wellhead.testing.defences import check_defence

logits = st.integers(2, 12).flatmap(lambda k: arrays(np.float64, (4, k), elements=st.floats(-40, 40)))


def probabilities(x):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def rounded(scores, decimals):
    return Rounding(decimals).shape(np.asarray(scores, dtype=np.float64), Context())


@pytest.mark.parametrize("decimals", [0, 1, 2, 3, 6, 12, 13])
def test_keeps_the_contract(decimals):
    check_defence(Rounding(decimals))


@given(logits, st.integers(0, 8))
def test_whole_steps_that_sum_to_one_and_are_near(x, decimals):
    before = probabilities(x)
    units = rounded(before, decimals) * 10**decimals
    assert np.allclose(units, np.rint(units), atol=1e-6)
    assert (np.rint(units).sum(axis=1) == 10**decimals).all()
    assert (abs(units - before * 10**decimals) <= 2.0 + 1e-6).all()


@given(logits, st.integers(0, 6))
def test_nothing_becomes_something_out_of_nothing(x, decimals):
    before = probabilities(x)
    before[:, 1:][before[:, 1:] < 0.2] = 0.0
    before /= before.sum(axis=1, keepdims=True)
    assert (rounded(before, decimals)[before == 0.0] == 0.0).all()


def test_plain_rounding_would_lose_a_unit():
    assert rounded([[1 / 3, 1 / 3, 1 / 3]], 2).tolist() == [[0.34, 0.33, 0.33]]


@given(logits, st.integers(0, 6))
def test_a_better_class_never_gets_less(x, decimals):
    before = probabilities(x)
    order = np.argsort(-before, axis=1, kind="stable")
    after = np.take_along_axis(rounded(before, decimals), order, axis=1)
    assert (np.diff(after, axis=1) <= 0.0).all()


def test_of_equals_the_first_are_served():
    assert np.flatnonzero(rounded(np.full((1, 300), 1 / 300), 2)[0]).tolist() == list(range(100))


@given(logits, st.integers(0, 12))
def test_a_row_alone_is_rounded_to_the_same_bits(x, decimals):
    before = probabilities(x)
    assert [round_row(row, decimals) for row in before.tolist()] == rounded(before, decimals).tolist()
    near = np.round(before, 3)
    near[:, 0] += 1.0 - near.sum(axis=1)
    near = np.abs(near)
    assert [round_row(row, decimals) for row in near.tolist()] == rounded(near, decimals).tolist()


def test_a_better_class_gets_no_less_where_scaling_makes_them_equal():
    row = [0.46331323758761245, 0.07337352482477497, 0.4633132375876125]
    assert rounded([row], 1).tolist() == [[0.4, 0.1, 0.5]] == [round_row(row, 1)]
