from collections import Counter

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from wellhead.meter import sample
from wellhead.meter.record import RECORD
from wellhead.meter.sample import SAMPLE

batches = st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300)), min_size=1, max_size=120), max_size=6)


def added(folds):
    state = np.zeros(3, dtype=RECORD)
    for fold in folds:
        owner, inputs = np.array(fold).T
        sample.add(state, owner, inputs.astype(np.uint64))
    return state


def held(record):
    return {int(h): int(n) for h, n in zip(record["hashes"], record["times"], strict=True) if h}


def twin(folds, owner):
    """All distinct inputs with their counts, then the SAMPLE largest hashes."""
    counts = Counter(i for fold in folds for who, i in fold if who == owner)
    hashed = {max((i * 0x9E3779B97F4A7C15 % 2**64) >> 32, 1): n for i, n in counts.items()}
    return dict(sorted(hashed.items(), reverse=True)[:SAMPLE])


@given(batches)
def test_equals_the_slow_obvious_twin(folds):
    state = added(folds)
    for owner in range(3):
        assert held(state[owner]) == twin(folds, owner)
        assert state["used"][owner] == len(twin(folds, owner))


def test_whoever_never_repeats_reads_exactly_one():
    state = np.zeros(1, dtype=RECORD)
    for start in range(0, 50_000, 1000):
        sample.add(state, np.zeros(1000, np.intp), np.arange(start, start + 1000, dtype=np.uint64))
    assert (state["used"][0], state["times"][0].sum()) == (SAMPLE, SAMPLE)


def test_counts_saturate_instead_of_wrapping():
    state = np.zeros(1, dtype=RECORD)
    for _ in range(3):
        sample.add(state, np.zeros(40_000, np.intp), np.full(40_000, 7, np.uint64))
    assert state["times"][0].max() == sample.COUNT_MAX


def test_zero_is_an_input_like_any_other():
    state = added([[(0, 0)], [(0, 0)]])
    assert list(held(state[0]).values()) == [2]
