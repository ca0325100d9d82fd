import numpy as np
import pytest

from wellhead.detect.link.tail import at_least, exchangeable, tail_of


def test_p_values_are_uniform_on_honest_scores():
    rng = np.random.default_rng(0)
    tail = tail_of(rng.exponential(size=3000), np.zeros(3000, int))
    p = tail.p_values(rng.exponential(size=20_000), np.zeros(20_000, int), np.zeros(20_000))
    for share in (0.1, 0.01, 0.001):
        assert (p <= share).mean() == pytest.approx(share, rel=0.5)


def test_a_band_without_looks_borrows_the_next_below():
    scores, band = np.arange(200.0), np.repeat([0, 2], 100)
    tail = tail_of(scores, band)
    start = np.zeros(1)
    low, high = (tail.p_values(np.array([150.0]), np.array([b]), start)[0] for b in (1, 2))
    assert low < high


def test_between_two_bands_the_p_value_lies_between_theirs():
    scores, band = np.concatenate([np.arange(100.0), np.arange(100.0) + 50]), np.repeat([0, 1], 100)
    tail = tail_of(scores, band)
    p = tail.p_values(np.full(3, 98.0), np.zeros(3, int), np.array([0.0, 0.5, 1.0]))
    assert p[0] < p[1] < p[2]
    assert p[1] == pytest.approx(np.sqrt(p[0] * p[2]))


@pytest.mark.parametrize(("count", "of", "share"), [(5, 1000, 1e-3), (3, 50, 1e-2), (30, 1000, 5e-3)])
def test_the_bound_is_above_the_binomial_tail(count, of, share):
    rng = np.random.default_rng(1)
    real = (rng.binomial(of, share, 200_000) >= count).mean()
    assert np.exp(at_least(np.array([count]), of, np.array([share])))[0] >= real


def test_no_crowding_is_no_evidence():
    assert at_least(np.array([0, 1]), 1000, np.array([0.01, 0.001])) == pytest.approx([0, 0])


def test_who_is_near_here_and_not_there_by_fishers_test():
    rng = np.random.default_rng(0)
    assert exchangeable(5, 0, 100, 200) == pytest.approx(np.prod(np.arange(100, 95, -1) / np.arange(300, 295, -1)))
    drawn = np.array([np.count_nonzero(rng.permutation(30)[:9] < 12) for _ in range(20_000)])
    assert exchangeable(6, 3, 12, 18) == pytest.approx((drawn >= 6).mean(), rel=0.1)
    assert exchangeable(0, 7, 12, 18) == pytest.approx(1.0)


def test_chances_below_one_in_a_million_million_are_not_told_apart():
    rng = np.random.default_rng(0)
    scores, band = rng.exponential(size=2000), np.repeat([0, 1], 1000)
    far = np.array([1e3, 1e4, 1e5])
    p = tail_of(scores, band).p_values(far, np.zeros(3, int), np.array([0.0, 0.5, 1.0]))
    assert p == pytest.approx([1e-12] * 3, abs=0)
