import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import leak, regressor, stolen

from wellhead.redteam.cost import Need
from wellhead.redteam.report.figures import between, count, level, money, rate, rows_needed, share, shares, small, span


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50.0 %"),
        (0.962, "96.2 %"),
        (0.9996, "99.96 %"),
        (0.99996, "99.996 %"),
        (0.9999999, "over 99.999 %"),
        (0.0004, "0.04 %"),
        (1e-9, "under 0.001 %"),
    ],
)
def test_shares_have_the_digits_they_need(x, text):
    assert share(x) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_no_share_is_rounded_to_all_or_nothing(x):
    assert share(x) not in ("100 %", "0 %", "100.0 %", "0.0 %", "100.00 %", "0.00 %")


def test_intervals_name_the_unit_once():
    assert shares(0.9, 0.99) == "90.0 to 99.0 %"
    assert between(regressor(), 0.9, 0.99) == "0.900 to 0.990"
    assert (level(stolen(), 0.9), level(regressor(), 0.9)) == ("90.0 %", "R² 0.900")


@pytest.mark.parametrize(
    ("x", "text"),
    [(0, "0"), (0.0065, "0.0065"), (2e-6, "2e-06"), (3.2, "3.20"), (2000, "2,000.00"), (60_000, "60,000")],
)
def test_money(x, text):
    assert money(x) == text


@pytest.mark.parametrize(
    ("s", "text"),
    [
        (0, "0 s"),
        (0.02, "under 0.1 s"),
        (1.5, "1.5 s"),
        (90, "90 s"),
        (240, "4 min"),
        (9000, "2.5 h"),
        (864e3, "10 days"),
    ],
)
def test_spans(s, text):
    assert span(s) == text


def test_small_differences_and_counts():
    assert (small(0), small(3.1e-14), small(0.25), count(6214)) == ("0", "3e-14", "0.250", "6,214")


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (Need(0.9, None, None, None, 0), "not measured"),
        (Need(0.9, None, None, None, 2000), "not reached in 2,000"),
        (Need(0.9, None, 1600, None, 2000), "not reached in 2,000; the interval allows it at 1,600"),
        (Need(0.9, 800, 800, 800, 2000), "800"),
        (Need(0.9, 800, 400, 1600, 2000), "800 (400 to 1,600)"),
        (Need(0.9, 800, 400, None, 2000), "800 (400 to over 2,000)"),
        (Need(0.9, 800, 800, None, 2000), "800 or more"),
    ],
)
def test_rows_are_censored_where_a_goal_was_not_reached(n, text):
    assert rows_needed(n) == text


def test_a_rate_that_the_sample_does_not_carry_is_not_printed():
    few = leak(2.0, 100, 50)
    assert rate(few, 0.01) == "too few non-members (50; needs 1,000)"
    assert rate(few, 0.001) == "too few non-members (50; needs 10,000)"
    many = leak(2.0, 100, 10_000)
    assert "%" in rate(many, 0.01) and "to" in rate(many, 0.001)
