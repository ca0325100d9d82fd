from wellhead.detect.rules import Rules
from wellhead.detect.signal import Detector


def test_rules_are_a_detector():
    detector: Detector = Rules()
    assert callable(detector.read)
