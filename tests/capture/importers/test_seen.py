import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.importers.seen import Seen


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=6))
def test_nothing_new_is_taken_for_a_repeat_and_near_repeats_are_found(arrays):
    seen, known = Seen(64), set()
    for array in arrays:
        fresh = seen.fresh(np.array(array, np.uint64))
        for value, is_fresh in zip(array, fresh.tolist(), strict=True):
            assert is_fresh == (value == 0 or value not in known)
            known.add(value)


def test_an_old_request_gives_its_place_to_a_newer_one():
    seen = Seen(8)
    assert seen.fresh(np.array([5], np.uint64)).all()
    assert seen.fresh(np.array([13], np.uint64)).all()
    assert seen.fresh(np.array([5], np.uint64)).all()
