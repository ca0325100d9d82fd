from wellhead.detect.signals.confidence import Confidence
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Confidence(), high=views(confidence=[0.8, 0.999]), low=views(confidence=[0.8, 0.4]))
