import numpy as np

from wellhead.detect.signals.endpoints import Endpoints
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Endpoints(), high=views(endpoints=[1, 30], requests=200))


def test_says_nothing_where_requests_were_not_seen():
    assert np.isnan(Endpoints().read(views(endpoints=0)))
