import numpy as np
import pytest

from wellhead.detect.signals.slow import Slow
from wellhead.testing.signals import check_detector, views


def test_contract():
    held = np.zeros((2, 96), np.uint8)
    held[0, 0] = 0b11
    held[1] = 0xFF
    check_detector(Slow(), high=views(hours=held))


def test_counts_hours():
    held = np.zeros((1, 96), np.uint8)
    held[0, :11] = 0b11111111
    held[0, 11] = 0b10000001
    assert 10.0 ** Slow().read(views(hours=held))[0] == pytest.approx(91.0)
