from wellhead.detect.detectors import Detectors
from wellhead.detect.weights import weights

HEAVY = ("volume", "timing", "access", "account", "damage")


def test_weights_are_of_detectors_that_are_and_never_negative():
    detectors = Detectors()
    assert list(weights()) == ["open", "cover"]
    for of in weights().values():
        assert set(of) <= set(detectors.names)
        for name, pair in of.items():
            sides = detectors.sides[detectors.names.index(name)]
            assert min(pair) >= 0 < max(pair)
            assert all(not weight or side in sides for weight, side in zip(pair, (1, -1), strict=True))


def test_nobody_is_accused_of_asking_much():
    detectors = Detectors()
    heavy = {n for n, k in zip(detectors.names, detectors.kinds, strict=True) if k in HEAVY}
    assert not heavy & {name for of in weights().values() for name in of}
