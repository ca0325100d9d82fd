import numpy as np

from wellhead.detect.signals.cohort import Cohort
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Cohort(cohort={"a": 0.0, "b": 12.0}), high=views(names=["a", "b"]))
    check_detector(Cohort())


def test_says_nothing_of_who_is_not_registered():
    assert np.isnan(Cohort(cohort={"a": 3.0}).read(views(names=["a", "c"]))).tolist() == [False, True]
