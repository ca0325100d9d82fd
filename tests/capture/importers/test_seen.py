import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.importers.seen import SLOTS, Seen


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=6))
def test_nothing_new_is_taken_for_a_repeat_and_near_repeats_are_found(arrays):
    seen, known = Seen(64), set()
    for array in arrays:
        fresh = seen.fresh(np.array(array, np.uint64))
        for value, is_fresh in zip(array, fresh.tolist(), strict=True):
            assert is_fresh == (value == 0 or value not in known)
            known.add(value)


def test_an_old_request_gives_its_place_to_a_newer_one():
    seen = Seen(SLOTS)
    old = np.arange(1, SLOTS + 1, dtype=np.uint64)
    assert seen.fresh(old).all()
    assert not seen.fresh(old[::-1]).any()
    assert seen.fresh(np.array([99], np.uint64)).all()
    assert seen.fresh(old).tolist() == [True] + [False] * (SLOTS - 1)


def test_many_of_one_bucket_are_still_told_apart_in_one_array():
    seen = Seen(64)
    crowd = np.arange(1, 200, dtype=np.uint64) << np.uint64(20)
    assert seen.fresh(np.concatenate([crowd, crowd])).tolist() == [True] * 199 + [False] * 199


def test_half_a_million_requests_later_a_repeat_is_found():
    hashes = np.random.default_rng(0).integers(1, 1 << 63, 500_000).astype(np.uint64)
    seen = Seen()
    assert seen.fresh(hashes).all()
    assert seen.fresh(hashes).mean() < 0.001
