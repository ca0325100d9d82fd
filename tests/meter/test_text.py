import numpy as np

from wellhead.meter.text import hashed


def test_counts_are_of_bounded_length_and_do_not_depend_on_case_or_spaces():
    a, b = hashed(["Stop the  music ", "stop the music"], 512)
    assert a.dtype == np.float32 and a.shape == (512,)
    assert (a == b).all() and np.isclose(np.linalg.norm(a), np.sqrt(2), atol=1e-6)


def test_like_texts_are_nearer_than_unlike_ones():
    a, near, far = hashed(["pay my credit card bill", "pay the credit card bill", "weather in lagos now"], 4096)
    assert a @ near > 2 * (a @ far)


def test_empty_and_one_letter_texts_are_rows_too():
    rows = hashed(["", "é", "x"], 64)
    assert rows.shape == (3, 64) and np.isfinite(rows).all()
    assert hashed([], 64).shape == (0, 64)
