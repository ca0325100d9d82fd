import numpy as np

from wellhead.detect.signals.docs import Docs
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Docs(), high=views(docs_ratio=[0.01, 0.5], requests=200))


def test_says_nothing_where_requests_were_not_seen():
    assert np.isnan(Docs().read(views(docs_ratio=0.0, requests=0)))
