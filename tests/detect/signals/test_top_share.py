from wellhead.detect.signals.top_share import TopShare
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(TopShare(), high=views(top_share=[0.4, 0.99]))
