import numpy as np
import pytest

from wellhead.detect.detectors import Detectors
from wellhead.detect.rules import Rules
from wellhead.meter.sketch import Sketches
from wellhead.serve.scan_watch import Watcher, view_of
from wellhead.testing.sketches import rows, traffic


@pytest.fixture
def sketches():
    held = Sketches()
    held.update(traffic(1))
    held.update(rows(["thief"] * 600, np.arange(600), confidence=np.full(600, 0.5, np.float32)))
    return held


def test_rules_hit_as_they_do_one_view_at_a_time(sketches):
    watcher = Watcher(Detectors(), Rules())
    watcher.have = {"inputs", "confidence", "answers"}
    watcher.read(sketches.columns())
    slow = {n: {s.name for s in Rules().read(sketches.view(n))} for n in sketches.names}
    assert {n: set(hits) for n, hits in watcher.hits.items()} == {n: hits for n, hits in slow.items() if hits}
    assert watcher.hits["thief"]


def test_what_the_log_lacks_is_unknown(sketches):
    watcher = Watcher(Detectors(), Rules())
    values = watcher.read(sketches.columns())
    silent = watcher.silent()
    for i, name in enumerate(watcher.names):
        assert np.isnan(values[:, i]).all() == (name in silent) or name not in silent
    assert watcher.hits == {} or "rule unique_ratio" in silent
    watcher.notice(rows(["a"], [5], confidence=np.array([0.5], np.float32)))
    assert watcher.have == {"inputs", "answers", "confidence"}
    assert "unique" not in watcher.silent()


def test_one_row_of_the_columns_is_the_view(sketches):
    view, wanted = view_of(sketches.columns(["thief"]), 0), sketches.view("thief")
    assert (view.rows, view.unique_ratio, view.principal) == (wanted.rows, wanted.unique_ratio, "thief")
