import numpy as np

from wellhead.detect.signals.drawn import Drawn
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Drawn(), high=views(drawn=[0.2, 0.7], rows=512))


def test_says_nothing_without_a_reading():
    assert np.isnan(Drawn().read(views(rows=512)))
    assert np.isnan(Drawn().read(views(drawn=np.nan, rows=512)))
