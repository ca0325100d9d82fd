import numpy as np
import pytest

from wellhead.detect.signals.breadth import Breadth
from wellhead.testing.signals import check_detector, views

rng = np.random.default_rng(6)
SHARES = rng.dirichlet(np.ones(64))


def regions(shares, n, u=200):
    return np.minimum(rng.multinomial(n, shares, u), 255).astype(np.uint8)


def test_contract():
    wide = np.full((1, 64), 5, np.uint8)
    usual = regions(SHARES, 64, 1)
    check_detector(Breadth(shares=SHARES), high=views(regions=np.vstack([usual, wide]), placed=64))
    check_detector(Breadth())


@pytest.mark.parametrize("n", [8, 64, 512, 100_000])
def test_a_random_draw_reads_zero_at_any_size(n):
    value = Breadth(shares=SHARES).read(views(regions=regions(SHARES, n), placed=n))
    assert abs(value.mean()) < 0.3
    assert value.std() < 0.6


def test_cover_traffic_does_not_hide_the_last_regions():
    narrow = SHARES * (np.arange(64) < 20)
    honest = regions(narrow / narrow.sum(), 1600)
    covered = regions(0.8 * narrow / narrow.sum() + 0.2 * SHARES, 1600)
    one, other = (Breadth(shares=SHARES).read(views(regions=r, placed=1600)) for r in (honest, covered))
    assert other.min() > one.max() + 0.5


def test_fewer_regions_than_columns():
    held = np.zeros((1, 64), np.uint8)
    held[0, :2] = 50
    assert abs(Breadth(shares=np.array([0.5, 0.5])).read(views(regions=held, placed=100))[0]) < 1e-6


def test_says_nothing_of_a_population_that_it_does_not_know():
    assert np.isnan(Breadth().read(views(placed=100))).all()
    assert np.isnan(Breadth(shares=np.full(99, 1 / 99)).read(views(placed=100))).all()
