import numpy as np

from wellhead.detect.signals.full_confidence import FullConfidence
from wellhead.testing.signals import check_detector, views


def test_contract():
    known = {"confidence": 0.8, "rows": 512}
    check_detector(
        FullConfidence(),
        high=views(full_confidence_ratio=[0.1, 0.6], **known),
        low=views(full_confidence_ratio=[0.1, 0.0], **known),
    )


def test_says_nothing_where_no_confidence_was_served():
    assert np.isnan(FullConfidence().read(views(full_confidence_ratio=0.0, rows=512)))
