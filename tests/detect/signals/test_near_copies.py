import numpy as np

from wellhead.detect.signals.near_copies import NearCopies
from wellhead.testing.signals import check_detector, views


def test_contract():
    crowd = {"placed": 512, "distinct": 400}
    check_detector(NearCopies(), high=views(near_ratio=[0.9, 1.0], **crowd), low=views(near_ratio=[0.9, 0.2], **crowd))


def test_says_nothing_without_codes():
    assert np.isnan(NearCopies().read(views(near_ratio=0.5, placed=0, distinct=100)))
