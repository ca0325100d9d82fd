import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.meter.course import HOURS
from wellhead.meter.sketch import Sketches
from wellhead.testing.sketches import rows

HOUR = st.integers(470_000, 470_000 + 3 * HOURS)


def sketched(*folds, confidence=None):
    sketches = Sketches()
    for times in folds:
        sure = np.full(len(times), np.nan) if confidence is None else confidence(np.asarray(times, float))
        sketches.update(rows(["p"] * len(times), range(len(times)), time_s=times, confidence=sure.astype(np.float32)))
    return sketches


def active(sketches):
    return set(np.flatnonzero(np.unpackbits(sketches.columns(["p"]).hours[0], bitorder="little")).tolist())


@settings(max_examples=200)
@given(st.lists(st.lists(HOUR, min_size=1, max_size=6), min_size=1, max_size=6))
def test_active_hours_equal_a_set_of_the_last_ones(folds):
    every = {h for fold in folds for h in fold}
    expected = {h % HOURS for h in every if h > max(every) - HOURS}
    seconds = [[3600.0 * h + 7 for h in fold] for fold in folds]
    assert active(sketched(*seconds)) == expected
    merged = sketched(*seconds[:1]).merge(sketched(*seconds[1:])) if len(folds) > 1 else sketched(*seconds)
    assert active(merged) == expected


def trend(times, confidence):
    return float(sketched(times, confidence=confidence).columns(["p"]).trend[0])


@given(st.integers(0, 2**32), st.integers(20, 200), st.sampled_from([30, 3600, 10**6]), st.floats(-1, 1))
def test_trend_equals_the_correlation(seed, n, span, slope):
    rng = np.random.default_rng(seed)
    times = 1.7e9 + np.sort(rng.integers(0, span, n))
    sure = np.clip(0.5 + slope * (times - 1.7e9) / span / 2 + rng.normal(0, 0.1, n), 0, 1)
    expected = np.corrcoef(times, np.rint(sure * 1000))[0, 1] * np.sqrt(n - 1)
    assert trend(times, lambda t: sure) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_climbing_is_seen_and_nothing_is_said_of_few_or_equal():
    times = 1.7e9 + np.arange(100.0)
    assert trend(times, lambda t: (t - 1.7e9) / 100) > 9
    assert trend(times, lambda t: 1 - (t - 1.7e9) / 100) < -9
    assert np.isnan(trend(times, lambda t: np.full(100, 0.5)))
    assert np.isnan(trend(times[:10], lambda t: (t - 1.7e9) / 100))
    assert np.isnan(trend(np.full(100, 1.7e9), lambda t: np.arange(100) / 100))


def test_a_clock_from_another_age_silences_the_trend():
    times = np.concatenate([[0.0], 1.7e9 + np.arange(99.0)])
    assert np.isnan(trend(times, lambda t: np.arange(100) / 100))


def test_mean_confidence_leaves_out_rows_without_one():
    sure = np.array([0.25, np.nan, 0.75])
    assert sketched([1.0, 2.0, 3.0], confidence=lambda t: sure).columns(["p"]).confidence[0] == 0.5
