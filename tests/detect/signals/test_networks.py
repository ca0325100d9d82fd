import numpy as np

from wellhead.detect.signals.networks import Networks
from wellhead.testing.signals import check_detector, views


def test_contract():
    one, many = frozenset({("network", "a"), ("agent", "x")}), frozenset({("network", str(i)) for i in range(8)})
    check_detector(Networks(), high=views(attributes=[one, many]))


def test_says_nothing_where_addresses_are_unknown():
    assert np.isnan(Networks().read(views(attributes=[frozenset({("agent", "x")})])))
