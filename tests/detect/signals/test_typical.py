import numpy as np
import pytest

from wellhead.detect.signals.typical import Typical
from wellhead.testing.signals import check_detector, views

rng = np.random.default_rng(5)
POPULATION = np.cos(rng.normal(size=(20_000, 8)) @ rng.normal(size=(8, 64)) + rng.uniform(0, 2 * np.pi, 64))
CENTRE = POPULATION.mean(axis=0)


def draw(rows, n):
    """Mean features of principals that each draw n of these rows."""
    return np.array([rows[rng.integers(0, len(rows), n)].mean(axis=0) for _ in range(200)])


def test_contract():
    features = np.zeros((2, 64))
    features[0] += 0.3
    check_detector(Typical(centre=np.zeros(64)), low=views(features=features, placed=100))
    check_detector(Typical(centre=np.zeros(64)), high=views(features=features[::-1], placed=100))
    check_detector(Typical())


@pytest.mark.parametrize("n", [32, 512])
def test_a_random_draw_reads_zero_at_any_size(n):
    value = Typical(centre=CENTRE).read(views(features=draw(POPULATION, n), placed=n))
    assert abs(np.median(value)) < 0.15
    assert value.std() < 0.7


def test_a_customer_with_a_slant_reads_higher_and_more_so_with_time():
    slanted = POPULATION[POPULATION[:, 0] > np.median(POPULATION[:, 0])]
    few, many = (Typical(centre=CENTRE).read(views(features=draw(slanted, n), placed=n)) for n in (64, 1024))
    assert few.min() > -0.7
    assert many.min() > few.max()


def test_says_nothing_of_a_population_that_it_does_not_know():
    assert np.isnan(Typical().read(views(placed=100))).all()
    assert np.isnan(Typical(centre=np.zeros(3)).read(views(placed=100))).all()
