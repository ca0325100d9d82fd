import numpy as np

from wellhead.detect.signals.label_balance import LabelBalance
from wellhead.testing.signals import check_detector, views


def test_contract():
    check_detector(LabelBalance(), high=views(label_evenness=[0.8, 1.0], top_share=0.4, rows=512))


def test_says_nothing_without_labels():
    assert np.isnan(LabelBalance().read(views(label_evenness=0.0, rows=512)))
