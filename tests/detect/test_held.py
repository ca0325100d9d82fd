import numpy as np

from wellhead.core.batch import Visits
from wellhead.detect.detectors import Detectors
from wellhead.detect.held import Held
from wellhead.testing.sketches import rows

VISIT = Visits(
    names=("a",), principal=np.zeros(1, np.int32), time_s=np.zeros(1), status=np.array([200]), endpoint=("/",)
)


def test_a_log_holds_what_its_rows_have_shown():
    held = Held(registered=True)
    assert held.have == {"registrations"}
    held.notice(rows(["a"], [0], top1=np.array([-1])), VISIT)
    assert held.have == {"registrations", "requests"}
    held.notice(rows(["a"], [5], confidence=np.array([0.5], np.float32)))
    assert held.have == {"registrations", "requests", "inputs", "answers", "confidence"}


def test_fields_and_detectors_that_need_more_are_unknown_until_it_comes():
    held, detectors = Held(), Detectors()
    unique = detectors.names.index("unique")
    assert unique in held.blind(detectors) and "inputs" in held.missing(detectors)["unique"]
    assert held.lacks(["unique_ratio", "rows"]).startswith("needs the inputs")
    assert held.lacks(["rows", "timing_cv"]) == ""
    held.have.add("inputs")
    assert unique not in held.blind(detectors) and held.lacks(["unique_ratio"]) == ""


def test_how_near_the_second_class_was_is_told_by_scores_or_by_one_confidence_of_two_classes():
    sure = np.array([0.5], np.float32)
    scores = np.array([[90, 80, 0]], np.int8)
    for told, columns in (
        (False, {"classes": 10}),
        (False, {"scores": np.zeros((1, 3), np.int8), "classes": 3}),
        (True, {"classes": 2}),
        (True, {"scores": scores, "classes": 3}),
    ):
        held = Held()
        held.notice(rows(["a"], [5], confidence=sure, **columns))
        assert ("margins" in held.have, held.lacks(["boundary_ratio"]) == "") == (told, told)
        assert ("boundary" in held.missing(Detectors())) != told
