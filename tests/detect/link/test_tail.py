import numpy as np
import pytest

from wellhead.detect.link.tail import at_least, tail_of


def test_p_values_are_uniform_on_honest_scores():
    rng = np.random.default_rng(0)
    tail = tail_of(rng.exponential(size=3000), np.zeros(3000, int))
    p = tail.p_values(rng.exponential(size=20_000), np.zeros(20_000, int))
    for share in (0.1, 0.01, 0.001):
        assert (p <= share).mean() == pytest.approx(share, rel=0.4)


def test_a_band_without_looks_borrows_the_next_below():
    scores, band = np.arange(200.0), np.repeat([0, 2], 100)
    tail = tail_of(scores, band)
    assert tail.p_values(np.array([150.0]), np.array([1]))[0] < tail.p_values(np.array([150.0]), np.array([2]))[0]


@pytest.mark.parametrize(("count", "of", "share"), [(5, 1000, 1e-3), (3, 50, 1e-2), (30, 1000, 5e-3)])
def test_the_bound_is_above_the_binomial_tail(count, of, share):
    rng = np.random.default_rng(1)
    real = (rng.binomial(of, share, 200_000) >= count).mean()
    assert np.exp(at_least(np.array(count), of, np.array(share))) >= real


def test_no_crowding_is_no_evidence():
    assert at_least(np.array([0, 1]), 1000, np.array([0.01, 0.001])) == pytest.approx([0, 0])
