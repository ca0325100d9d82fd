import numpy as np

from wellhead.defend.guarantees import Context
from wellhead.defend.label_only import LabelOnly, one_hot
from wellhead.testing.defences import check_defence


def test_keeps_the_contract():
    check_defence(LabelOnly())


def test_each_row_gets_its_own_label():
    scores = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.0, 0.1, 0.9]])
    assert np.array_equal(LabelOnly().shape(scores, Context()), np.eye(3))


def test_of_equals_the_first_and_of_nan_none():
    scores = np.array([[0.4, 0.4, 0.2], [np.nan, 0.1, 0.3]])
    assert LabelOnly().shape(scores, Context()).argmax(axis=1).tolist() == [0, 2]


def test_one_hot():
    assert one_hot(np.array([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
