from wellhead.detect.signals.burst import Burst
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Burst(), high=views(volume_60s=[3.0, 900.0]))


def test_reads_rows_of_the_last_minute():
    assert Burst().read(views(volume_60s=99.0)) == 2.0
