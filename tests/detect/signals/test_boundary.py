import numpy as np

from wellhead.detect.signals.boundary import Boundary
from wellhead.testing.signals import check_detector, views


def test_contract():
    known = {"confidence": 0.8, "rows": 512}
    check_detector(
        Boundary(), high=views(boundary_ratio=[0.1, 0.6], **known), low=views(boundary_ratio=[0.1, 0.0], **known)
    )


def test_says_nothing_where_no_confidence_was_served():
    assert np.isnan(Boundary().read(views(boundary_ratio=0.0, rows=512)))
