import numpy as np

from wellhead.detect.signals.sweep import Sweep
from wellhead.testing.signals import check_detector, views

KNOWN = {"placed": 512, "distinct": 400, "confidence": 0.99}


def test_contract():
    check_detector(Sweep(), high=views(near_ratio=[0.95, 0.3], full_confidence_ratio=0.9, **KNOWN))


def test_near_copies_at_the_boundary_are_another_thing():
    search, sweep = Sweep().read(views(near_ratio=0.3, full_confidence_ratio=[0.02, 0.95], **KNOWN))
    assert sweep - search > 3.0


def test_says_nothing_where_no_confidence_was_served():
    assert np.isnan(Sweep().read(views(near_ratio=0.3, full_confidence_ratio=0.0, placed=512, distinct=400)))
