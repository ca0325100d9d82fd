import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.detect.signal import COUNT, DEVIATIONS, SHARE, TIMES, Context, Detector, log_count, odds, shown, where
from wellhead.detect.signals.unique import Unique
from wellhead.meter.space import fit_space


def test_a_detector_is_one():
    detector: Detector = Unique()
    assert callable(detector.read)


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_odds_are_monotone_symmetric_and_finite(part, whole):
    share = min(part, whole) / whole
    value = odds(np.array([share, 1.0 - share]), np.array([whole, whole]))
    assert np.isfinite(value).all()
    assert value[0] == pytest.approx(-value[1], abs=1e-6)
    assert (value[0] > 0) == (share > 0.5) or share == pytest.approx(0.5)


def test_odds_of_nothing_are_unknown():
    assert np.isnan(odds(np.array([0.5, np.nan, 0.5]), np.array([0.0, 9.0, np.nan]))).all()


def test_unknown_stays_unknown():
    assert np.isnan(log_count(np.array([np.nan]))).all()
    assert np.isnan(where(np.array([False, True]), np.array([1, 2]))).tolist() == [True, False]


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (SHARE, 0.0, "50 %"),
        (SHARE, math.log(0.0123 / 0.9877), "1.2 %"),
        (SHARE, -900.0, "0.00 %"),
        (COUNT, 2.0, "99"),
        (COUNT, math.log10(12_346), "12,345"),
        (COUNT, 1e300, "inf"),
        (TIMES, 0.0, "1"),
        (TIMES, 1e9, "inf"),
        (DEVIATIONS, -2.04, "-2.0"),
        ("of my own", 0.12345, "0.123"),
        (SHARE, math.nan, ""),
        (SHARE, math.inf, ""),
    ],
)
def test_numbers_for_people(unit, value, text):
    found = shown(unit, value)
    assert found == text if text != "inf" else len(found) > 100


def test_context_of_a_space():
    rng = np.random.default_rng(0)
    space = fit_space(rng.integers(-90, 90, (300, 4)).astype(np.int8), np.ones(4), rng)
    context = Context.of(space, {"a": 1.0})
    assert context.centre is space.mean
    assert context.shares is space.shares
    assert context.cohort == {"a": 1.0}
    assert Context.of(None).centre is None
