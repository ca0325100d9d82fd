from wellhead.detect.signals.volume import Volume
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Volume(), high=views(rows=[1000, 1000], first_s=0.0, last_s=[1e6, 1e3]))


def test_reads_rows_an_hour():
    assert Volume().read(views(rows=99, first_s=0.0, last_s=3600.0)) == 2.0


def test_a_first_burst_is_not_extrapolated_from_seconds():
    assert Volume().read(views(rows=10, first_s=5.0, last_s=5.0)) < 3.0
