import numpy as np

from wellhead.detect.signals.errors import Errors
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Errors(), high=views(error_ratio=[0.01, 0.5], requests=200))


def test_says_nothing_where_requests_were_not_seen():
    assert np.isnan(Errors().read(views(error_ratio=0.0, requests=0)))
