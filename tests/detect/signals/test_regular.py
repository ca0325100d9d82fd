from wellhead.detect.signals.regular import Regular
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Regular(), low=views(timing_cv=[1.0, 0.0]))
