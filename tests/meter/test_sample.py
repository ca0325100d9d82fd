from collections import Counter

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from wellhead.meter import sample
from wellhead.meter.record import RECORD
from wellhead.meter.sample import CELLS, SAMPLE, unique_ratio

batches = st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300)), min_size=1, max_size=400), max_size=6)


def added(folds):
    state = np.zeros(3, dtype=RECORD)
    for fold in folds:
        owner, inputs = np.array(fold).T
        sample.add(state, owner, inputs.astype(np.uint64))
    return state


def held(record):
    return {int(h): int(n) for h, n in zip(record["hashes"], record["times"], strict=True) if h}


def hashes(folds, owner):
    return [max((i * 0x9E3779B97F4A7C15 % 2**64) >> 32, 1) for fold in folds for who, i in fold if who == owner]


def cells(folds, owner):
    counts = Counter(h % CELLS for h in hashes(folds, owner))
    return [counts[c] for c in range(CELLS)]


def twin(folds, owner):
    """All distinct inputs with their counts, then the SAMPLE largest hashes."""
    hashed = Counter(hashes(folds, owner))
    return dict(sorted(hashed.items(), reverse=True)[:SAMPLE])


@given(batches)
def test_equals_the_slow_obvious_twin(folds):
    state = added(folds)
    for owner in range(3):
        assert held(state[owner]) == twin(folds, owner)
        assert state["used"][owner] == len(twin(folds, owner))
        assert state["cells"][owner].tolist() == cells(folds, owner)


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


def test_a_saturated_count_leaves_the_ratio_of_few_inputs_exact():
    inputs = np.repeat(np.arange(2, dtype=np.uint64), (100_000, 1))
    assert read(np.tile(inputs, 2)) == 2 / 200_002


def test_zero_is_an_input_like_any_other():
    state = added([[(0, 0)], [(0, 0)]])
    assert list(held(state[0]).values()) == [2]


def read(*folds):
    state = np.zeros(1, dtype=RECORD)
    for inputs in folds:
        sample.add(state, np.zeros(len(inputs), np.intp), inputs)
    state["rows"] = sum(map(len, folds))
    return float(unique_ratio(state)[0])


def distinct(n, rng):
    return rng.integers(0, 2**64, n, dtype=np.uint64)


def truth(inputs):
    return np.unique(inputs).size / inputs.size


@pytest.mark.parametrize("rows", [32, 300, 600, 2_020, 20_000])
@pytest.mark.parametrize("share", [0.01, 0.03, 0.1, 0.2, 0.4, 0.62, 0.95])
def test_one_hot_input_among_many_is_seen(rows, share):
    rng = np.random.default_rng(int(rows * share))
    for _ in range(20):
        hot = max(int(rows * share), 1)
        inputs = np.concatenate((np.repeat(distinct(1, rng), hot), distinct(rows - hot, rng)))
        assert read(inputs) == pytest.approx(truth(inputs), abs=0.1)


@pytest.mark.parametrize("place", ["first", "last", "amid", "in small folds"])
def test_a_hot_input_is_seen_wherever_it_comes(place):
    rng = np.random.default_rng(5)
    hot, others = np.repeat(distinct(1, rng), 1_250), distinct(770, rng)
    both = np.concatenate((hot, others) if place == "first" else (others, hot))
    if place in ("amid", "in small folds"):
        both = rng.permutation(both)
    folds = np.array_split(both, 100) if place == "in small folds" else [both]
    assert read(*folds) == pytest.approx(771 / 2_020, abs=0.02)


def test_a_hot_input_is_seen_whether_the_sample_holds_it_or_not():
    others = distinct(1_980, np.random.default_rng(6))
    for hashed in (1, 2**31, 2**32 - 1):
        # The fingerprint whose upper half hashes to this: the inverse of the odd multiplier, modulo 2^64.
        hot = np.full(40, (hashed << 32) * pow(0x9E3779B97F4A7C15, -1, 2**64) % 2**64, np.uint64)
        assert read(np.concatenate((hot, others))) == pytest.approx(1_981 / 2_020, abs=0.1)


@pytest.mark.parametrize(("hot", "times"), [(3, 400), (20, 60), (60, 20), (100, 40), (200, 100)])
def test_the_standard_error_with_several_hot_inputs_is_small(hot, times):
    errors = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        inputs = np.concatenate((np.repeat(distinct(hot, rng), times), distinct(5_000, rng)))
        errors.append(read(inputs) - truth(inputs))
    assert np.sqrt(np.mean(np.square(errors))) < 0.075


@pytest.mark.parametrize("rows", [32, 64, 100, 256, 290, 500, 1_000, 2_000])
def test_a_tenth_of_repeats_is_never_taken_for_none(rows):
    for seed in range(200):
        rng = np.random.default_rng(seed)
        fresh = distinct(rows - rows // 10, rng)
        got = read(np.concatenate((fresh, rng.choice(fresh, rows // 10))))
        assert got < 0.98
        assert got == pytest.approx(fresh.size / rows, abs=0.06)


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 400, 2_000, 20_000])
def test_whoever_never_repeats_has_a_ratio_of_exactly_one(rows):
    for seed in range(50):
        assert read(distinct(rows, np.random.default_rng(seed))) == 1.0


@given(st.lists(st.integers(0, 254), max_size=600))
def test_the_ratio_is_exact_while_the_sample_holds_all(inputs):
    assert read(np.array(inputs, np.uint64)) == (truth(np.array(inputs)) if inputs else 0.0)


@given(st.integers(0, 2**32), st.integers(1, 2_000), st.integers(0, 3_000), st.integers(1, 3_000))
def test_the_ratio_is_a_share(seed, different, repeats, hot):
    rng = np.random.default_rng(seed)
    fresh = distinct(different, rng)
    assert 0.0 < read(np.concatenate((fresh, rng.choice(fresh, repeats), np.repeat(fresh[:1], hot)))) <= 1.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-(2**40), 2**40)), min_size=1, max_size=50))
def test_sums_of_runs(rows):
    owner, value = np.array(sorted(rows), np.int64).T
    first = sample.starts(owner)
    sums = sample.summed(np.stack([value, value.astype(np.int32)], axis=1), first)
    for who, pair in zip(owner[first], sums, strict=True):
        mine = value[owner == who]
        assert pair.tolist() == [mine.sum(), mine.astype(np.int32).astype(np.int64).sum()]
