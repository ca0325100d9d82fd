import numpy as np
import pytest

from wellhead.detect.signals.mix import Mix
from wellhead.testing.signals import check_detector, views

rng = np.random.default_rng(7)
SHARES = rng.dirichlet(np.full(64, 3.0))


def regions(shares, n, u=300):
    return np.minimum(rng.multinomial(n, shares, u), 255).astype(np.uint8)


def test_contract():
    usual, own = regions(SHARES, 512, 1), regions(SHARES[::-1], 512, 1)
    check_detector(Mix(shares=SHARES), low=views(regions=np.vstack([own, usual]), placed=512))
    check_detector(Mix())


@pytest.mark.parametrize("n", [16, 256, 4096])
def test_a_random_draw_reads_zero_at_any_size(n):
    value = Mix(shares=SHARES).read(views(regions=regions(SHARES, n), placed=n))
    assert abs(np.median(value)) < 0.2
    assert value.std() < 0.35


def test_a_customer_with_a_mix_of_its_own_reads_higher_the_longer_it_lasts():
    own = 0.5 * SHARES + 0.5 * SHARES[::-1]
    few, many = (Mix(shares=SHARES).read(views(regions=regions(own, n), placed=n)) for n in (128, 2048))
    assert few.mean() > 0.2
    assert many.min() > few.max()


def test_full_counters_do_not_look_like_another_mix():
    value = Mix(shares=SHARES).read(views(regions=regions(SHARES, 10_000_000), placed=10_000_000))
    assert value.max() < 0.0


def test_says_nothing_of_a_population_that_it_does_not_know():
    assert np.isnan(Mix().read(views(placed=100))).all()
    assert np.isnan(Mix(shares=np.full(99, 1 / 99)).read(views(placed=100))).all()
