import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from wellhead.meter.names import Names


@given(st.lists(st.sets(st.text(max_size=3), max_size=200), max_size=8))
def test_numbers_are_those_of_a_dict(batches):
    names, twin = Names(), {}
    for batch in map(sorted, batches):
        expected = [twin.setdefault(name, len(twin)) for name in batch]
        assert names.number(batch).tolist() == expected
    assert names.names == list(twin)
    assert all(names.find(name) == number for name, number in twin.items())


def test_grows_and_still_finds_everybody():
    names = Names()
    all_names = [f"principal-{i}" for i in range(20_000)]
    for start in range(0, len(all_names), 700):
        names.number(all_names[start : start + 700])
    assert len(names) == 20_000
    assert names.number(all_names[::-1]).tolist() == list(range(20_000))[::-1]
    assert names.find("principal-19999") == 19_999
    assert names.find("stranger") == -1


def test_a_full_bucket_spills_into_the_next():
    names = Names()
    hashes = np.arange(1, 21, dtype=np.int64) << 20
    names._insert(hashes, np.arange(20))
    assert names._find(hashes).tolist() == list(range(20))
    assert names._find(np.array([21 << 20])).tolist() == [-1]
