import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ProfileError
from wellhead.meter.reference import Reservoir


def distinct(n, start=0):
    index = np.arange(start, start + n)
    return np.stack([index % 100, index // 100 % 100, index // 10_000], axis=1).astype(np.int8)


def test_nobody_holds_more_than_a_share():
    rng, kept = np.random.default_rng(0), Reservoir(capacity=100, share=0.1)
    kept = kept.add(distinct(5000), np.ones(5000), ["flood"] * 5000, rng)
    assert len(kept) == 10
    kept = kept.add(distinct(400, 5000), np.zeros(400), [f"p{i % 40}" for i in range(400)], rng)
    assert len(kept) == 100 and (kept.owners == "flood").sum() <= 10


def test_repeats_count_once():
    kept = Reservoir(capacity=100, share=1.0).add(distinct(5).repeat(9, axis=0), np.zeros(45), ["p"] * 45, RNG())
    assert len(kept) == 5


def RNG():
    return np.random.default_rng(0)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 9))
def test_bounds_hold_whichever_way_rows_arrive(sizes, seed):
    rng, kept, start = np.random.default_rng(seed), Reservoir(capacity=30, share=0.2), 0
    for n in sizes:
        who = [f"p{i}" for i in rng.integers(0, 9, n)]
        kept = kept.add(distinct(n, start), np.arange(start, start + n), who, rng)
        start += n
    _, held = np.unique(kept.owners, return_counts=True)
    assert len(kept) <= 30 and held.max() <= kept.bound == 6
    assert (kept.codes == distinct(start)[kept.truth]).all()


def test_early_and_late_rows_have_the_same_chance():
    rng, late = np.random.default_rng(0), 0
    for _trial in range(200):
        kept = Reservoir(capacity=10, share=1.0)
        for part in range(4):
            kept = kept.add(distinct(25, part * 25), np.full(25, part), ["p"] * 25, rng)
        late += int((kept.truth == 3).sum())
    assert 400 < late < 600


def test_truths_for_every_row_are_asked_for():
    with pytest.raises(ProfileError, match="as many"):
        Reservoir().add(distinct(3), np.zeros(2), ["p"] * 3, RNG())
