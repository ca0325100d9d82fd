import math

import pytest

from wellhead.meter.record import LABELS, RECORD
from wellhead.meter.view import MIN_GAPS, look


def record(**fields):
    arrays = {f: RECORD[f].itemsize for f in ("cells", "hashes", "times")}
    scalars = [f for f in RECORD.names if f not in {"labels", *arrays}]
    blank = {f: bytes(size) for f, size in arrays.items()}
    return {**dict.fromkeys(scalars, 0), "labels": (0,) * LABELS, **blank, **fields}


def seen(now_s=None, **fields):
    return look(record(**fields), "p", frozenset(), now_s)


def test_an_older_bucket_counts_as_far_as_it_is_inside():
    fields = {"minute": 10, "minute_now": 5, "minute_before": 60, "last": 615.0}
    assert seen(**fields).volume_60s == 5 + 60 * 0.75
    assert seen(now_s=645.0, **fields).volume_60s == 5 + 60 * 0.25
    assert seen(now_s=690.0, **fields).volume_60s == 5 * 0.5
    assert seen(now_s=99_999.0, **fields).volume_60s == 0.0


def test_a_reader_behind_the_last_row_sees_the_last_row():
    fields = {"minute": 10, "minute_now": 5, "last": 615.0}
    assert seen(now_s=0.0, **fields) == seen(**fields)


def test_timing_is_unknown_below_enough_gaps():
    assert math.isnan(seen(gaps=MIN_GAPS - 1).timing_cv)
    assert seen(gaps=MIN_GAPS).timing_cv == 0.0


def test_rounding_of_the_moments_never_makes_a_negative_variance():
    assert seen(gaps=30, gap_log=30.0, gap_square=30.0 - 1e-9).timing_cv == 0.0


def test_evenness():
    assert seen(labels=(5, 5) + (0,) * (LABELS - 2)).label_evenness == pytest.approx(1.0)
    assert seen(labels=(10,) + (0,) * (LABELS - 1)).label_evenness == 0.0


def test_ratios_of_nothing_are_zero():
    view = seen()
    assert (view.unique_ratio, view.full_confidence_ratio, view.boundary_ratio) == (0.0, 0.0, 0.0)
