from wellhead.detect.signals.grain import Grain
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Grain(), high=views(grain=[0.5, 0.9]), low=views(grain=[0.5, 0.04]))
