import numpy as np

from wellhead.detect.signals.boundary import Boundary
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Boundary(), high=views(boundary_ratio=[0.1, 0.6], confidence=0.8, rows=512))


def test_says_nothing_where_nobody_knows_how_near_the_second_class_was():
    assert np.isnan(Boundary().read(views(boundary_ratio=np.nan, confidence=0.5, rows=512)))
