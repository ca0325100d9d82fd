from wellhead.detect.signals.climb import Climb
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Climb(), high=views(trend=[0.0, 20.0], top_share=0.99))


def test_rising_over_all_labels_says_less():
    mixed, one = Climb().read(views(trend=10.0, top_share=[0.2, 1.0]))
    assert one > mixed
