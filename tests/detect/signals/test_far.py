import numpy as np

from wellhead.detect.signals.far import Far
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Far(), high=views(far=[0.1, 4.0], placed=64), low=views(far=[0.1, -3.0], placed=64))


def test_says_nothing_without_codes():
    assert np.isnan(Far().read(views(far=0.0, placed=0)))
