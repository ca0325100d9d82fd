from wellhead.detect.signals.exposure import Exposure
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Exposure(), high=views(scores_asked_ratio=[0.2, 1.0]))
