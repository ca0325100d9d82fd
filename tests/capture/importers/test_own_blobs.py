import numpy as np
import pytest

from wellhead.capture.importers.own_blobs import blob, joined, listed


@pytest.mark.parametrize("rows", [[1, 1, 1], [2, 1, 3]])
def test_rows_that_are_packed_come_one_below_the_other(rows):
    table = np.arange(sum(rows) * 4, dtype="<u2").reshape(-1, 4)
    cuts = np.cumsum(rows)[:-1]
    parts = [part.tobytes() for part in np.split(table, cuts)]
    np.testing.assert_array_equal(blob(parts, np.array(rows), "<u2"), table)


def test_requests_of_another_width_or_without_are_zeros():
    parts = [b"\1\2", b"\3\4", b"\5", b"", b"\6\7\10\11"]
    found = blob(parts, np.array([1, 1, 1, 1, 2]), "|u1")
    assert found.tolist() == [[1, 2], [3, 4], [0, 0], [0, 0], [6, 7], [8, 9]]
    assert blob([b"", b""], np.array([2, 1]), "|i1").shape == (3, 0)


def test_lists_are_laid_row_by_row_and_those_that_do_not_fit_are_missing():
    found = listed([(1, 2), (3,), (), (4, 5)], np.array([2, 1, 1, 1]), -1.0)
    assert found.tolist() == [1, 2, 3, -1, -1]
    assert listed([(1,), (2,)], np.array([1, 1]), -1.0).tolist() == [1, 2]
    # as many numbers as rows, of other requests
    assert listed([(1, 2), ()], np.array([1, 1]), -1.0).tolist() == [-1, -1]


def test_words_that_are_no_numbers_are_missing():
    found = listed([("1.5",), ("many",)], np.array([1, 1]), np.nan)
    assert found[0] == 1.5
    assert np.isnan(found[1])


def test_parts_of_different_width_are_filled_up():
    made = joined([np.ones((1, 2), np.int8), np.ones((2, 3), np.int8), np.zeros((1, 0), np.int8)])
    assert made.tolist() == [[1, 1, 0], [1, 1, 1], [1, 1, 1], [0, 0, 0]]
