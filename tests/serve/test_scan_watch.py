import numpy as np
import pytest

from wellhead.core.batch import Visits
from wellhead.detect.detectors import Detectors
from wellhead.detect.rules import Rules
from wellhead.meter.sketch import Sketches
from wellhead.serve.scan_watch import Watcher, parts, view_of
from wellhead.testing.sketches import rows, traffic


@pytest.fixture
def sketches():
    held = Sketches()
    held.update(traffic(1))
    held.update(rows(["thief"] * 600, np.arange(600), confidence=np.full(600, 0.5, np.float32)))
    return held


def test_rules_hit_as_they_do_one_view_at_a_time(sketches):
    watcher = Watcher(Detectors(), Rules())
    watcher.held.have = {"inputs", "confidence", "answers"}
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
    watcher.held.notice(rows(["a"], [5], confidence=np.array([0.5], np.float32)))
    assert watcher.held.have == {"inputs", "answers", "confidence"}
    assert "unique" not in watcher.silent()


def test_one_row_of_the_columns_is_the_view(sketches):
    view, wanted = view_of(sketches.columns(["thief"]), 0), sketches.view("thief")
    assert (view.rows, view.unique_ratio, view.principal) == (wanted.rows, wanted.unique_ratio, "thief")


def test_of_several_periods_the_hit_at_most_rows_is_kept():
    watcher = Watcher(Detectors(), Rules())
    watcher.held.have = {"inputs", "confidence", "answers"}
    for many in (600, 100):
        held = Sketches()
        held.update(rows(["thief"] * many, np.arange(many)))
        watcher.read(held.columns())
    assert {s.n for s in watcher.hits["thief"].values()} == {600}


def asked(times):
    n = len(times)
    return Visits(
        names=("p",), principal=np.zeros(n, np.int32), time_s=np.array(times), status=np.full(n, 200),
        endpoint=tuple(map(str, times)),
    )  # fmt: skip


def test_no_request_comes_before_the_rows_of_its_time_and_none_is_lost():
    times = [5.0, 1.0, 2.0, 9.0, 3.0, 12.0, 11.0]
    batch = rows(list("aabbbca"), range(7), time_s=np.array(times))
    found = list(parts(batch, asked([*times, 0.5, 20.0]), 3))
    assert [len(b) for b, _ in found] == [3, 3, 1]
    assert [b.names for b, _ in found] == [("a", "b"), ("b", "c"), ("a",)]
    latest = np.maximum.accumulate([b.time_s.max() for b, _ in found])
    for (_, visits), until in zip(found[:-1], latest[:-1], strict=True):
        assert (visits.time_s <= until).all()
    assert sorted(t for _, v in found for t in v.endpoint) == sorted(map(str, [*times, 0.5, 20.0]))


def test_requests_without_rows_are_one_part():
    ((batch, visits),) = parts(rows([], []), asked([1.0, 2.0]), 3)
    assert (len(batch), len(visits)) == (0, 2)
