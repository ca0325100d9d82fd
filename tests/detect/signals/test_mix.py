import numpy as np
import pytest

from wellhead.detect.signals.mix import Mix
from wellhead.testing.signals import check_detector, views

rng = np.random.default_rng(7)
SHARES = rng.dirichlet(np.full(64, 3.0))


def regions(shares, n, u=300):
    return np.minimum(rng.multinomial(n, shares, u), 255).astype(np.uint8)


def narrow(concentration=0.06):
    return rng.dirichlet(concentration * 64 * SHARES)


def read(found, n):
    return Mix(shares=SHARES).read(views(regions=np.atleast_2d(found), placed=n))


def test_contract():
    usual, own = regions(SHARES, 512, 1), regions(narrow(), 512, 1)
    check_detector(Mix(shares=SHARES), high=views(regions=np.vstack([own, usual]), placed=512))
    check_detector(Mix())


@pytest.mark.parametrize("n", [256, 1024, 4096])
def test_a_random_draw_reads_about_its_share_of_the_rows(n):
    value = 10 ** read(regions(SHARES, n), n)
    assert 0.15 * n < np.median(value) < 0.6 * n


@pytest.mark.parametrize(("cover", "n"), [(0.0, 128), (0.5, 256), (0.8, 1024)])
def test_cover_does_not_hide_everybodys_mix(cover, n):
    honest = [read(regions(narrow(), n, 1), n)[0] for _ in range(300)]
    thieves = [read(regions(cover * narrow() + (1 - cover) * SHARES, n, 1), n)[0] for _ in range(100)]
    assert np.median(thieves) > np.quantile(honest, 0.99)


def test_an_uneven_rest_is_no_random_draw():
    own = rng.dirichlet(2.0 * 64 * SHARES, 100)
    uneven = np.median([read(regions(p, 4096, 1), 4096)[0] for p in own])
    assert uneven < np.median(read(regions(SHARES, 4096), 4096)) - 0.3


def test_full_counters_are_as_even_as_can_be():
    assert read(regions(SHARES, 10_000_000), 10_000_000).min() > 3.5


def test_says_nothing_of_a_population_that_it_does_not_know():
    assert np.isnan(Mix().read(views(placed=100))).all()
    assert np.isnan(Mix(shares=SHARES).read(views(placed=np.nan))).all()
    assert np.isnan(Mix(shares=np.full(99, 1 / 99)).read(views(placed=100))).all()
