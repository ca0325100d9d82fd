import re
from importlib import resources

from benchmarks.detect_victims import NAMES

from wellhead.detect.detectors import Detectors
from wellhead.detect.weights import FILE, weights

HEAVY = ("volume", "timing", "access", "account", "damage")


def test_weights_are_of_detectors_that_are_and_never_negative():
    detectors = Detectors()
    assert len(weights()) > 1
    assert "cover" in weights()
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


def test_weights_were_learnt_on_models_that_the_benchmark_does_not_use():
    text = (resources.files("wellhead.detect") / FILE).read_text(encoding="utf-8")
    learnt_on = re.search(r"^# Victims: ([\w, ]+);", text, re.MULTILINE)[1].split(", ")
    assert learnt_on
    assert not set(learnt_on) & set(NAMES)


def test_only_evidence_of_what_is_asked_and_answered_is_weighed():
    detectors = Detectors()
    kinds = dict(zip(detectors.names, detectors.kinds, strict=True))
    assert {kinds[name] for of in weights().values() for name in of} <= {"novelty", "inputs", "ground", "answers"}
