import numpy as np
import pytest

from wellhead.defend.guarantees import Context
from wellhead.defend.top_k import TopK
from wellhead.testing.defences import check_defence


@pytest.mark.parametrize("k", [1, 2, 3, 10, 99])
def test_keeps_the_contract(k):
    check_defence(TopK(k))


def test_the_others_are_zero_and_the_kept_sum_to_one():
    after = TopK(2).shape(np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]), Context())
    assert after[0] == pytest.approx([0.625, 0.375, 0.0])
    assert after[1] == pytest.approx([1 / 9, 0.0, 8 / 9])


def test_less_than_one_class_means_one():
    assert TopK(0).shape(np.array([[0.5, 0.3, 0.2]]), Context()).tolist() == [[1.0, 0.0, 0.0]]
