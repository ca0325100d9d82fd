import numpy as np

from wellhead.capture.importers.columns import filled
from wellhead.capture.importers.mapped import _apart


def test_a_fetched_column_is_plain():
    masked = np.ma.MaskedArray(np.array([1.0, 2.0]), [False, True])
    assert filled(masked, -1.0).tolist() == [1.0, -1.0]
    assert filled(np.array([3]), 0).tolist() == [3]


def test_rows_of_one_request_are_told_apart_and_repeats_of_it_are_not():
    rows = np.array([3, 1, 3])
    whole = np.repeat(np.array([5, 6, 5], np.uint64), rows)
    made = _apart(whole, rows)
    assert len(set(made[:3].tolist())) == 3
    np.testing.assert_array_equal(made[:3], made[4:])
    assert made[3] == 6
