import numpy as np

from wellhead.detect.signals.moved import Moved
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Moved(), high=views(moved=[0.0, 0.2], placed=512))
    check_detector(Moved(), high=views(moved=[-0.01, 0.0], placed=512))


def test_says_nothing_where_nobody_compared():
    assert np.isnan(Moved().read(views(placed=512)))
