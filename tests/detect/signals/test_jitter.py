from wellhead.detect.signals.jitter import Jitter
from wellhead.testing.signals import check_detector, views

COUNTS = {"placed": 512, "distinct": 400}


def test_contract():
    check_detector(Jitter(), high=views(near_ratio=[0.95, 0.3], grain=0.1, **COUNTS))


def test_near_copies_of_round_numbers_are_no_noise():
    edits, noise = Jitter().read(views(near_ratio=0.3, grain=[1.0, 0.05], **COUNTS))
    assert noise > edits
