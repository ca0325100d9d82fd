import numpy as np
import pytest

from wellhead.redteam.clone import softmax
from wellhead.redteam.extract.likeliest import gauss_newton, likeliest, one_versus_rest

RNG = np.random.default_rng(0)
DESIGN = np.hstack([RNG.uniform(-1, 1, (60, 4)), np.ones((60, 1))])
WEIGHTS = RNG.normal(size=(5, 3))


@pytest.mark.parametrize(("form", "link"), [("softmax", softmax), ("one_versus_rest", one_versus_rest)])
def test_the_likeliest_weights_show_the_shares_they_came_from(form, link):
    shares = link(DESIGN @ WEIGHTS)
    assert np.abs(link(DESIGN @ likeliest(DESIGN, shares, form)) - shares).max() < 1e-3


def test_gauss_newton_sharpens_to_the_last_digits():
    shares = one_versus_rest(DESIGN @ WEIGHTS)
    assert np.abs(gauss_newton(DESIGN, shares, likeliest(DESIGN, shares, "one_versus_rest")) - WEIGHTS).max() < 1e-7


def test_one_versus_rest_is_a_distribution_even_far_out():
    shares = one_versus_rest(1e3 * RNG.normal(size=(9, 4)) + np.array([2e3, 0, 0, 0]))
    assert np.allclose(shares.sum(axis=1), 1) and (shares >= 0).all()
