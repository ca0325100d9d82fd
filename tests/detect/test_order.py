from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.detect import order

COUNTS = st.integers(1, 80)
RATES = st.floats(0.001, 0.999)


def slow_below(count, rate, hits):
    return sum(comb(count, i) * rate**i * (1 - rate) ** (count - i) for i in range(hits))


@given(COUNTS, RATES, st.integers(0, 90))
def test_binomial_tail_is_the_plain_sum(count, rate, hits):
    assert order.below(count, rate, min(hits, count + 1)) == pytest.approx(
        slow_below(count, rate, min(hits, count + 1))
    )
    assert order.tail(count, rate, hits) == pytest.approx(1 - slow_below(count, rate, min(hits, count + 1)), abs=1e-9)


@pytest.mark.parametrize(("hits", "known"), [(9900, 0.156224), (10_100, 0.841349)])
def test_a_million_trials(hits, known):
    assert order.below(10**6, 0.01, hits) == pytest.approx(known, abs=1e-6)


def test_what_one_segment_needs():
    assert order.needed(0.01) == 299
    assert order.needed(0.001) == 2995
    assert [order.rank(c, 0.01) for c in (0, 298, 299)] == [0, 0, 1]
    assert [order.rank(c, 0.001) for c in (2994, 2995)] == [0, 1]


@given(st.integers(1, 5000), st.sampled_from([0.001, 0.01, 0.05, 0.3]), st.integers(1, 20))
def test_rank_is_the_largest_that_keeps_the_rate(count, alpha, share):
    m = order.rank(count, alpha, share)
    risk = 0.05 / share
    assert m == 0 or order.below(count, alpha, m) <= risk * (1 + 1e-9)
    assert order.below(count, alpha, m + 1) > risk * (1 - 1e-9)


def test_segments_share_the_risk():
    assert order.promised([299], 0.01) == 1
    assert order.promised([299, 299], 0.01) == 1
    assert order.promised([order.needed(0.01, 2)] * 2, 0.01) == 2
    assert order.promised([10_000, 10_000, 300, 5], 0.01) == 2
    assert order.promised([], 0.01) == 0


@pytest.mark.parametrize(
    ("count", "alpha", "low", "high"),
    [(99, 0.01, 0.05, 2.98), (199, 0.01, 0.18, 2.36), (999, 0.01, 0.54, 1.57), (1000, 0.01, 0.54, 1.57),
     (999, 0.001, 0.005, 0.30), (3000, 0.001, 0.027, 0.21)],
)  # fmt: skip
def test_interval_of_the_plain_conformal_threshold(count, alpha, low, high):
    found = order.interval(count, order.conformal_rank(count, alpha))
    assert [100 * found[0], 100 * found[1]] == pytest.approx([low, high], abs=0.006)


def test_plain_conformal_needs_one_over_alpha():
    assert [order.conformal_rank(c, 0.001) for c in (998, 999)] == [0, 1]
    assert [order.conformal_rank(c, 0.01) for c in (98, 99)] == [0, 1]


def test_interval_is_where_realised_rates_fall():
    rng = np.random.default_rng(0)
    drawn = np.sort(rng.random((4000, 500)), axis=1)
    rates = 1 - drawn[:, -3]
    assert order.interval(500, 3) == pytest.approx(np.quantile(rates, (0.05, 0.95)), rel=0.08)
