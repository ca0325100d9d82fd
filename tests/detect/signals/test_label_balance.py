import numpy as np

from wellhead.detect.signals.label_balance import LabelBalance
from wellhead.testing.signals import check_detector, views


def test_contract():
    known = {"top_share": 0.4, "rows": 512}
    check_detector(
        LabelBalance(), high=views(label_evenness=[0.8, 1.0], **known), low=views(label_evenness=[0.8, 0.1], **known)
    )


def test_says_nothing_without_labels():
    assert np.isnan(LabelBalance().read(views(label_evenness=0.0, rows=512)))
