from wellhead.detect.signals.regular import Regular
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Regular(), high=views(timing_cv=[1.0, 30.0]), low=views(timing_cv=[1.0, 0.0]))
