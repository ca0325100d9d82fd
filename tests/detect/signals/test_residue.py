import numpy as np

from wellhead.detect.signals.residue import Residue
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(Residue(), high=views(residue=[0.1, 0.9], placed=64), low=views(residue=[0.1, 0.0], placed=64))


def test_says_nothing_where_no_profile_looked():
    assert np.isnan(Residue().read(views(residue=0.0, placed=0)))
