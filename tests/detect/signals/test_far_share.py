from wellhead.detect.signals.far_share import FarShare
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(FarShare(), high=views(far_ratio=[0.01, 0.1], placed=512))


def test_few_far_rows_among_many_show():
    usual, mixed = FarShare().read(views(far_ratio=[0.01, 0.05], placed=4096))
    assert mixed - usual > 1.5
