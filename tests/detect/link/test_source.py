import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.detect.link.source import SCALES, Source, fit_source


def drawn(rng, m, spread, rows):
    """Means of `rows` queries of m principals in coordinates of unit variance a query."""
    own = rng.normal(size=(m, spread.size)) * np.sqrt(spread)
    return own + rng.normal(size=(m, spread.size)) * np.sqrt((1 - spread) / rows[:, None])


def dense(source, a, b, n, m):
    """Log-likelihood ratio of two points by the joint normal density of each coordinate, the slow way."""
    total = 0.0
    for x, y, t in zip(a, b, source.spread, strict=True):
        joint = np.array([[t + 1 / n, t], [t, t + 1 / m]])
        apart = np.diag(np.diag(joint))
        v = np.array([x, y])
        total += 0.5 * (v @ np.linalg.inv(apart) @ v - v @ np.linalg.inv(joint) @ v)
        total += 0.5 * np.log(np.linalg.det(apart) / np.linalg.det(joint))
    return total


def plain(spread):
    k = len(spread)
    return Source(np.zeros(k), np.eye(k), np.array(spread), np.where(SCALES == 1.0, 1.0, 1e-300))


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 300), st.integers(1, 300))
def test_pairs_are_the_ratio_of_normal_densities(seed, n, m):
    rng = np.random.default_rng(seed)
    source = plain(rng.uniform(0.01, 0.9, 3))
    a, b = rng.normal(size=(2, 4, 3))
    got = source.pairs(a, float(n), b, float(m), source.alone(b, np.full(4, float(m))))
    assert got == pytest.approx(np.array([[dense(source, x, y, n, m) for y in b] for x in a]), rel=1e-6, abs=1e-6)


def test_gain_at_the_centre_of_one_other_is_the_pair():
    rng = np.random.default_rng(1)
    source = plain([0.2, 0.5])
    a, b = rng.normal(size=(2, 1, 2))
    centre = source.centre(a[0] * 30, np.asarray(30.0))
    rows = np.array([50.0])
    alone = source.alone(b, rows)
    assert source.given(b, rows, *centre) - alone == pytest.approx(source.pairs(a, 30.0, b, 50.0, alone)[0])


def test_the_shares_of_broad_and_narrow_principals_are_found():
    rng = np.random.default_rng(5)
    spread, rows = np.full(8, 0.1), np.full(4000, 256.0)
    scale = np.where(np.arange(4000) < 1000, 0.01, 1.33)[:, None]
    own = rng.normal(size=(4000, 8)) * np.sqrt(spread * scale)
    values = own + rng.normal(size=(4000, 8)) * np.sqrt(0.9 / 256)
    found = fit_source(values, rows, np.repeat(np.arange(2000), 2), rows)
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-4)
    broad = fit_source(values[:1000], rows[:1000])
    assert np.isfinite(broad.weights).all()
    assert found.weights[SCALES < 0.1].sum() == pytest.approx(0.25, abs=0.1)


def test_noise_and_identity_are_told_apart():
    rng = np.random.default_rng(2)
    spread = np.array([0.02, 0.3])
    rows = 2.0 ** rng.integers(4, 10, 4000)
    source = fit_source(drawn(rng, 4000, spread, rows) @ np.diag([2.0, 5.0]) + 7.0, rows)
    assert source.mean == pytest.approx([7.0, 7.0], abs=0.2)
    assert source.spread == pytest.approx(spread, abs=0.04)


def test_what_is_not_known_says_nothing():
    rng = np.random.default_rng(3)
    values, rows = rng.normal(size=(200, 3)), np.full(200, 32.0)
    values[:20, 1] = np.nan
    source = fit_source(values, rows)
    assert np.isfinite(source.basis).all()
    assert source.place(np.full((1, 3), np.nan)) == pytest.approx(np.zeros((1, source.spread.size)))


def test_two_looks_at_each_principal_tell_what_chance_does():
    rng = np.random.default_rng(4)
    spread = np.array([0.02, 0.1, 0.4])
    own = rng.normal(size=(500, 3)) * np.sqrt(spread)
    parts = [own + rng.normal(size=(500, 3)) * np.sqrt((1 - spread) / 32) for _ in range(2)]
    values, rows = np.vstack([parts[0], (parts[0] + parts[1]) / 2]), np.repeat([32.0, 64.0], 500)
    source = fit_source(values, rows, np.tile(np.arange(500), 2), rows)
    assert source.spread == pytest.approx(spread, abs=0.05)
