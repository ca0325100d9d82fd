import numpy as np

from wellhead.detect.signals.near_copies import NearCopies
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(NearCopies(), low=views(near_ratio=[0.9, 0.2], placed=512, distinct=400))


def test_says_nothing_without_codes():
    assert np.isnan(NearCopies().read(views(near_ratio=0.5, placed=0, distinct=100)))


def test_a_sample_says_no_more_however_many_it_stands_for():
    few, many = NearCopies().read(views(near_ratio=1.0, placed=1e6, distinct=[64, 1e6]))
    assert few == many
