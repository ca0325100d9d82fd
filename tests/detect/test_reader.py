import numpy as np
import pytest

from wellhead.detect.backtest import of_expression
from wellhead.detect.detectors import Detectors
from wellhead.detect.held import Held
from wellhead.detect.looks import Looking
from wellhead.detect.reader import Reader
from wellhead.detect.signals.cohort import Cohort
from wellhead.detect.signals.unique import Unique
from wellhead.meter.sketch import Sketches
from wellhead.testing.sketches import rows


@pytest.mark.parametrize("field", ["unique", "unique_ratio", "label_evenness", "full_confidence_ratio"])
def test_what_the_logs_lack_never_holds_whichever_side_is_asked_for(field):
    reader = Reader(Detectors([Unique]), held=Held())
    test = of_expression(f"{field}<=0.5 and rows>=16", reader)
    same = rows(["p"] * 64, [7] * 64, confidence=np.full(64, 0.5, np.float32))
    looks = Looking(reader, Sketches(), 30.0, origin_s=1.7e9 - 5).fold(same)
    assert test.hits(looks) == []
    assert list(reader.silent(test.names)) == [field]
    reader.held.notice(same)
    looks = Looking(reader, Sketches(), 30.0, origin_s=1.7e9 - 5).fold(same)
    assert test.hits(looks)
    assert reader.silent(test.names) == {}


def test_what_was_known_of_nobody_is_said_also_where_nothing_says_what_there_is():
    reader = Reader(Detectors([Unique, Cohort]))
    names = ("unique", "cohort", "rows", "boundary_ratio", "timing_cv")
    assert reader.silent(names) == {}
    sure = np.full(16, 0.5, np.float32)
    Looking(reader, Sketches(), 30.0, origin_s=1.7e9 - 5).fold(rows(["p"] * 16, range(16), confidence=sure))
    assert reader.silent(names) == {
        "cohort": "needs `wellhead principals import`",
        "boundary_ratio": "needs the scores of the two best classes, or a confidence of two classes",
        "timing_cv": "known of nobody",
    }
    Looking(reader, Sketches(), 30.0, origin_s=1.7e9 - 5).fold(rows(["p"] * 16, range(16), confidence=sure, classes=2))
    assert "boundary_ratio" not in reader.silent(names)
