import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.meter import space as module
from wellhead.meter.space import FEATURES, REGIONS, fit_space


def cloud(n, rng, d=20, scale=1.0):
    """Codes whose axes get narrower, as principal components do."""
    x = rng.normal(size=(n, d)) * scale * 40.0
    return np.clip(np.rint(x), -127, 127).astype(np.int8)


STEP = 1.0 / np.arange(1, 21)
RNG = np.random.default_rng(5)
SAMPLE = cloud(1000, RNG)
SPACE = fit_space(SAMPLE, STEP, np.random.default_rng(1))


@given(st.integers(1, 300), st.integers(0, 2**32))
def test_a_row_has_one_place_in_whatever_batch(n, seed):
    codes = np.random.default_rng(seed).integers(-127, 128, (n, 20)).astype(np.int8)
    together = SPACE.place(codes)
    alone = [SPACE.place(codes[i : i + 1]) for i in range(n)]
    for i, part in enumerate(together):
        assert np.array_equal(part, np.concatenate([a[i] for a in alone]))


@given(st.integers(0, 2**32))
def test_equals_the_slow_obvious_twin(seed):
    codes = np.random.default_rng(seed).integers(-127, 128, (5, 20)).astype(np.int8)
    placed = SPACE.place(codes)
    for row, code in enumerate(codes.astype(int)):
        turns = (code @ SPACE.waves.astype(int) + SPACE.phases) % 65_536
        assert placed.features[row].tolist() == np.rint(127 * np.cos(turns * 2 * np.pi / 65_536)).tolist()
        square = [int(((code - c) ** 2) @ SPACE.metric) for c in SPACE.centres.astype(int)]
        assert square[placed.region[row]] == min(square)
        assert placed.far[row] == pytest.approx((0.5 * np.log(min(square)) - SPACE.middle) / SPACE.spread, abs=1e-4)


def test_features_tell_how_near_two_rows_are():
    """The mean product of features is the kernel exp(-r^2 / 2), r in median pair distances."""
    rng = np.random.default_rng(2)
    one, other = cloud(300, rng), cloud(300, rng)
    distance = np.sqrt(((one.astype(float) - other) ** 2) @ SPACE.metric)
    here, there = (SPACE.place(c).features / 127.0 for c in (one, other))
    kernel = 2.0 * (here * there).mean(axis=1)
    assert np.abs(kernel.mean() - np.exp(-((distance / np.median(distance)) ** 2) / 2).mean()) < 0.05


def test_the_sample_is_not_far_and_what_lies_outside_is():
    rng = np.random.default_rng(3)
    fresh, outside = SPACE.place(cloud(1000, rng)), SPACE.place(cloud(1000, rng, scale=2.5))
    assert abs(fresh.far.mean()) < 0.2
    assert outside.far.mean() > 2
    assert 0.001 < (fresh.far > SPACE.farthest).mean() < 0.04
    assert (outside.far > SPACE.farthest).mean() > 0.5


def test_shares_and_mean_are_those_of_the_sample():
    placed = SPACE.place(SAMPLE)
    assert SPACE.shares.sum() == pytest.approx(1.0)
    assert (SPACE.shares > 0).sum() > REGIONS / 2
    assert SPACE.mean.shape == (FEATURES,)
    assert np.abs(SPACE.mean - placed.features.mean(axis=0) / 127).max() < 1e-6


def test_near_copies_share_a_neighbourhood_and_different_inputs_do_not():
    rng = np.random.default_rng(4)
    codes = cloud(1000, rng)
    copies = np.clip(codes + (rng.random(codes.shape) < 0.1), -127, 127).astype(np.int8)
    here, there = SPACE.place(codes).neighbourhood, SPACE.place(copies).neighbourhood
    assert np.unique(here).size > 950
    assert (here == there).mean() > 0.7


@pytest.mark.parametrize("d", [1, 2, 48, 192, 256])
def test_products_stay_exact_for_any_width_of_code(d):
    rng = np.random.default_rng(d)
    codes = rng.integers(-127, 128, (50, d)).astype(np.int8)
    space = fit_space(codes, rng.random(d) + 1e-3, rng)
    largest = 127.0 * np.abs(space._stacked).sum(axis=0).max()
    assert largest < module._EXACT and (127.0**2 * space.metric.sum()) < module._EXACT
    assert np.array_equal(space._stacked, np.rint(space._stacked))
    assert space.place(codes).region.max() < len(space.centres)


@pytest.mark.parametrize("codes", [np.zeros((2, 3), np.int8), np.eye(3, dtype=np.int8), np.ones((40, 3), np.int8)])
def test_degenerate_samples_make_a_space(codes):
    placed = fit_space(codes, np.ones(3), np.random.default_rng(0)).place(codes)
    assert np.isfinite(placed.far).all()
