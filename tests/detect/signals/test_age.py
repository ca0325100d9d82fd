import numpy as np
import pytest

from wellhead.detect.signals.age import Age
from wellhead.testing.signals import check_detector, views


def born(*days):
    return [frozenset({("created_day", day), ("plan", "free")} if day else set()) for day in days]


def test_contract():
    check_detector(Age(), low=views(attributes=born("2020-01-01", "2023-11-14"), first_s=1.7e9))


def test_counts_days_from_sign_up_to_the_first_row():
    value = Age().read(views(attributes=born("1970-01-02", "1970-01-11"), first_s=11 * 86_400.0))
    assert 10.0**value == pytest.approx([11.0, 2.0])


def test_says_nothing_without_a_day_or_of_nonsense():
    assert np.isnan(Age().read(views(attributes=born("", "soon"), first_s=1.7e9))).all()
