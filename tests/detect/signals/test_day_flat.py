import numpy as np

from wellhead.detect.signals.day_flat import DayFlat
from wellhead.testing.signals import check_detector, views


def hours(*active):
    """96 bytes for 32 days; active: one array of hours since 1970 for each principal."""
    bits = np.zeros((len(active), 768), np.uint8)
    for i, own in enumerate(active):
        bits[i, np.asarray(own) % 768] = 1
    return np.packbits(bits, axis=1)


OFFICE = [24 * day + hour for day in range(20) for hour in range(9, 18)]


def test_contract():
    check_detector(DayFlat(), high=views(hours=hours(OFFICE, range(180))))


def test_an_office_has_a_night_and_a_loop_has_none():
    office, loop = DayFlat().read(views(hours=hours(OFFICE, range(768))))
    assert office < -10.0
    assert abs(loop) < 0.1


def test_any_hour_at_random_reads_zero():
    rng = np.random.default_rng(0)
    value = DayFlat().read(views(hours=hours(*(rng.choice(768, 30, replace=False) for _ in range(300)))))
    assert abs(value.mean()) < 0.4


def test_a_few_hours_make_no_day():
    assert np.isnan(DayFlat().read(views(hours=hours(range(11)))))
