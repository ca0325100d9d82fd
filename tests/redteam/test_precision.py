import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.redteam.precision import Precision, precision_of

FULL = Precision(-1, False)
seeds, classes = st.integers(0, 10_000), st.integers(2, 12)


def softmax(seed, k, n=30, sharp=3.0):
    powers = np.exp(sharp * np.random.default_rng(seed).normal(size=(n, k)))
    return powers / powers.sum(axis=1, keepdims=True)


@given(seeds, classes)
def test_softmax_and_logits_are_full(seed, k):
    scores = softmax(seed, k)
    assert precision_of(scores) == precision_of(np.log(scores)) == FULL and FULL.full


@given(seeds, classes, st.integers(1, 12))
def test_rounding_is_told_to_the_decimal(seed, k, decimals):
    scores = softmax(seed, k, sharp=0.5)
    assert precision_of(np.round(scores, decimals)) == Precision(decimals, False)
    assert precision_of(np.round(np.log(scores), decimals)) == Precision(decimals, False)


@given(seeds, classes, st.integers(1, 9))
def test_rows_divided_by_their_sum_after_rounding_still_tell(seed, k, decimals):
    rounded = np.round(softmax(seed, k, sharp=0.5), decimals)
    assert precision_of(rounded / rounded.sum(axis=1, keepdims=True)) == Precision(decimals, False)


@pytest.mark.parametrize("decimals", [13, 14, 15, 16])
def test_even_sixteen_decimals_show_in_small_probabilities(decimals):
    assert precision_of(np.round(softmax(0, 10, 60), decimals)) == Precision(decimals, False)


@given(seeds, classes)
def test_float32_is_told_as_bits_and_as_printed(seed, k):
    scores = softmax(seed, k).astype(np.float32)
    assert precision_of(scores) == Precision(-1, True)
    printed = json.loads("[" + ",".join("[" + ",".join(str(x) for x in row) + "]" for row in scores) + "]")
    assert precision_of(np.array(printed)).single


@given(seeds, st.integers(1, 4))
def test_float32_may_be_rounded_too(seed, decimals):
    assert precision_of(np.round(softmax(seed, 5, sharp=0.5).astype(np.float32), decimals)) == Precision(decimals, True)


@given(seeds, st.integers(1, 6))
def test_saturated_rows_do_not_mislead(seed, decimals):
    scores = softmax(seed, 4, sharp=0.5)
    scores[::2] = np.eye(4)[np.arange(len(scores[::2])) % 4]
    assert precision_of(scores) == FULL
    assert precision_of(np.round(scores, decimals)) == Precision(decimals, False)


def test_one_hot_scores_have_no_decimals():
    assert precision_of(np.eye(5)[[0, 1, 4, 2]]) == Precision(0, False)


def test_values_of_a_regressor_and_large_numbers():
    values = np.random.default_rng(0).normal(size=50) * 1e6
    assert precision_of(values) == FULL
    assert precision_of(np.round(values, 2)) == Precision(2, False)


def test_one_lone_half_proves_little_but_is_one_decimal():
    assert precision_of(np.full((20, 2), 0.5)).decimals == 1


def test_unanswered_rows_are_left_out_and_nothing_is_full():
    scores = np.round(softmax(1, 3), 3)
    scores[::3] = np.nan
    assert precision_of(scores) == Precision(3, False)
    assert precision_of(np.zeros((0, 3))) == FULL
