from collections import Counter

import numpy as np

from wellhead.core.batch import Visits
from wellhead.detect.detectors import Detectors
from wellhead.detect.looks import Looking
from wellhead.meter.sketch import Sketches
from wellhead.serve.scan_totals import Totals
from wellhead.testing.sketches import rows

DAY = 86_400.0


def visits(name, time_s):
    return Visits(
        names=(name,),
        principal=np.zeros(1, np.int32),
        time_s=np.array([time_s]),
        status=np.array([403]),
        endpoint=("/",),
    )


def test_totals_are_those_of_a_loop_over_all_periods():
    rng = np.random.default_rng(4)
    looking = Looking(Detectors(), Sketches(), 1.0, origin_s=1.7e9)
    totals, slow = Totals(looking), Counter()
    for day in (0, 0, 1, 4, 4):
        names = [f"p{i}" for i in rng.integers(0, 6 + day, 40)]
        batch = rows(names, range(40), time_s=np.full(40, 1.7e9 + day * DAY))
        slow.update(names)
        asked = visits("visitor", 1.7e9 + day * DAY)
        totals.before(batch, asked)
        looking.fold(batch, asked)
    assert totals.done() == {**slow, "visitor": 0}
    assert totals.periods == 3


def test_nothing_is_nobody():
    totals = Totals(Looking(Detectors(), Sketches(), 1.0))
    assert (totals.done(), totals.periods) == ({}, 0)
