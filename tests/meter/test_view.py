import math

import numpy as np
import pytest

from wellhead.meter.record import LABELS, RECORD
from wellhead.meter.view import MIN_GAPS, View, Views, join, look, one


def record(**fields):
    made = np.zeros(1, RECORD)
    for field, value in fields.items():
        made[field] = value
    return made


def seen(now_s=None, **fields):
    return one(record(**fields), "p", frozenset(), now_s)


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


def test_a_ratio_of_nothing_is_unknown_in_columns():
    views = look(record(), ("p",), (frozenset(),), None)
    unknown = ("unique_ratio", "boundary_ratio", "error_ratio", "near_ratio", "far", "texture", "residue", "confidence")
    assert all(math.isnan(getattr(views, field)[0]) for field in (*unknown, "grain", "trend", "top_share"))


def test_one_and_the_columns_say_the_same():
    views = look(record(rows=40, used=30, scored=10, full=5, last=9.0), ("p",), (frozenset({("a", "b")}),), None)
    view = views.view(0)
    shared = [f for f in View.__struct_fields__ if f not in ("principal", "attributes", "timing_cv", "boundary_ratio")]
    assert all(getattr(view, field) == getattr(views, field)[0] for field in shared)
    assert (view.principal, view.attributes) == (views.names[0], views.attributes[0])


def test_joined_rows_keep_their_order():
    records = np.concatenate([record(rows=n, labels=[n] * LABELS) for n in range(1, 6)])
    whole = look(records, "abcde", [frozenset()] * 5, None)
    joined = join([look(records[a:b], "abcde"[a:b], [frozenset()] * (b - a), None) for a, b in ((0, 2), (2, 5))])
    for field in Views.__struct_fields__:
        assert np.array_equal(*(getattr(v, field) for v in (whole, joined)), equal_nan=True) if field not in (
            "names", "attributes", "moved", "drawn"
        ) else getattr(whole, field) == getattr(joined, field)  # fmt: skip
