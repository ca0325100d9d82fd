import numpy as np
import pytest

from wellhead.capture.importers.columns import Columns, filled
from wellhead.capture.importers.mapped import _apart


def test_a_fetched_column_is_plain():
    masked = np.ma.MaskedArray(np.array([1.0, 2.0]), [False, True])
    assert filled(masked, -1.0).tolist() == [1.0, -1.0]
    assert filled(np.array([3]), 0).tolist() == [3]


@pytest.mark.parametrize(("after_s", "wrong"), [(-60.0, 0), (86_399.0, 0), (86_401.0, 1), (1e9, 1)])
def test_a_time_more_than_a_day_after_the_scan_began_is_that_of_the_row_before(after_s, wrong):
    now = 1.7e9
    columns = Columns(lambda *_: None, now)
    time_s, count = columns._mended(np.array([now - 100.0, now + after_s]))
    assert count == wrong
    assert time_s.tolist() == [now - 100.0, now - 100.0 if wrong else now + after_s]


def test_rows_of_one_request_are_told_apart_and_repeats_of_it_are_not():
    rows = np.array([3, 1, 3])
    whole = np.repeat(np.array([5, 6, 5], np.uint64), rows)
    made = _apart(whole, rows)
    assert len(set(made[:3].tolist())) == 3
    np.testing.assert_array_equal(made[:3], made[4:])
    assert made[3] == 6
