import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.redteam.measure import wilson
from wellhead.redteam.validation import OWN, Point, Taken, Tried, Validation, over_seeds


def taken(thief, *heights):
    curve = tuple(
        Point(inputs=50 * (i + 1), rows=50 * (i + 1), fidelity=h, low=h, high=h) for i, h in enumerate(heights)
    )
    return Taken(thief=thief, curve=curve)


def test_the_best_thief_is_that_of_the_best_last_clone_and_the_first_of_equals():
    tried = Tried(policy="p", takings=(taken("a", 0.9, 0.5), taken("b"), taken("c", 0.1, 0.7), taken("d", 0.7)))
    assert tried.best.thief == "c" and tried.best.end.fidelity == 0.7
    assert Tried(policy="p", takings=(taken("b"),)).best is None and taken("b").end is None


def test_a_policy_is_found_by_name_and_json_goes_round():
    v = Validation(target="t", tried=(Tried(policy=OWN, takings=(taken("a", 0.5),)),))
    assert v.find(OWN).best.thief == "a" and v.find("none") is None
    assert msgspec.json.decode(msgspec.json.encode(v), type=Validation) == v


def test_one_seed_has_the_interval_of_its_judges():
    interval, spread = over_seeds([0.5], 100)
    assert interval == pytest.approx(wilson(50, 100)) and spread == 0.0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=14), st.integers(1, 2000))
def test_the_interval_holds_the_mean_and_widens_with_the_spread(shares, judges):
    (low, high), spread = over_seeds(shares, judges)
    mean = float(np.mean(shares))
    alone = over_seeds([mean], judges)[0]
    assert 0 <= low <= mean + 1e-9 and mean - 1e-9 <= high <= 1
    assert low <= alone.low + 1e-9 and high >= alone.high - 1e-9
    assert spread == pytest.approx(float(np.std(shares, ddof=1)))


def test_three_seeds_have_students_factor():
    (low, high), spread = over_seeds([0.4, 0.5, 0.6], 10**9)
    assert spread == pytest.approx(0.1)
    assert high - low == pytest.approx(2 * 4.303 * 0.1 / np.sqrt(3), rel=1e-3)


@pytest.mark.parametrize(("many", "quantile"), [(2, 12.706), (11, 2.228), (20, 2.093), (121, 1.980)])
def test_any_number_of_seeds_has_its_own_factor(many, quantile):
    shares = np.linspace(0.45, 0.55, many)
    (low, high), spread = over_seeds(list(shares), 10**12)
    assert min(high, 1.0) - max(low, 0.0) == pytest.approx(min(2 * quantile * spread / np.sqrt(many), 1.0), rel=1e-3)
