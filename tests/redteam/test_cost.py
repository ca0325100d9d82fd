import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.redteam.cost import (
    DAY_S,
    Need,
    accounts_within,
    bill,
    break_even,
    million,
    need,
    of_build,
    queries,
    seconds,
)
from wellhead.redteam.outcome import Mark, Prices

amounts = st.floats(0, 100, allow_nan=False).map(lambda x: round(x, 4))
prices = st.builds(
    Prices,
    row=amounts,
    call=amounts,
    account=amounts,
    compute=amounts,
    accounts=st.integers(1, 50),
    rows_per_call=st.integers(1, 300),
    build=st.floats(0, 1e5),
)


def mark(rows, fidelity, half=0.02):
    return Mark(rows=rows, fidelity=fidelity, low=fidelity - half, high=fidelity + half)


curves = st.dictionaries(st.integers(1, 10**6), st.floats(0, 1), max_size=12)


@given(curves, st.floats(0, 1))
def test_rows_needed_are_those_after_which_nothing_is_below_the_goal(curve, goal):
    found = need([mark(n, f) for n, f in curve.items()], goal)
    obvious = [n for n in curve if all(f >= goal for m, f in curve.items() if m >= n)]
    assert found.rows == (min(obvious) if obvious else None)
    assert found.asked == max(curve, default=0)
    order = [math.inf if n is None else n for n in (found.soonest, found.rows, found.surely)]
    assert order == sorted(order)


def test_a_dip_below_the_goal_takes_back_what_was_reached():
    assert need([mark(100, 0.96), mark(200, 0.94), mark(400, 0.97)], 0.95) == Need(0.95, 400, 100, 400, 400)


def test_a_fidelity_that_is_no_number_reaches_nothing():
    assert need([mark(100, math.nan)], 0.0).rows is None


@given(prices, st.integers(0, 10**6))
def test_a_bill_is_rows_and_requests_and_accounts_and_training(p, rows):
    slow = sum(p.row + (p.call if i % p.rows_per_call == 0 else 0) for i in range(rows % 1000))
    assert queries(rows % 1000, p) == pytest.approx(slow)
    assert bill(rows, p).total == pytest.approx(queries(rows, p) + p.accounts * p.account + p.compute)
    assert bill(rows, p, 0).accounts == 0
    assert million(p) == queries(1_000_000, p)


@given(prices)
def test_break_even_is_the_last_row_that_is_no_dearer_than_building(p):
    rows = break_even(p)
    if rows is None:
        assert p.build <= 0 or p.row == p.call == 0
    elif rows == 0:
        assert bill(1, p).total > p.build
    else:
        assert bill(rows, p).total <= p.build < bill(rows + 1, p).total


@given(st.integers(1, 10**9), st.floats(1e-3, 1e4), st.floats(1, 1e6))
def test_the_accounts_for_a_time_suffice_and_one_less_does_not(rows, rate, limit_s):
    number = accounts_within(rows, rate, limit_s)
    assert number >= 1 and seconds(rows, rate, number) <= limit_s * (1 + 1e-9)
    if number > 1:
        assert seconds(rows, rate, number - 1) > limit_s


def test_what_nothing_limits_takes_no_time_and_one_account():
    assert (seconds(1000, 0.0), accounts_within(1000, 0.0, DAY_S), accounts_within(0, 1.0, DAY_S)) == (0.0, 1, 1)


def test_a_share_of_building_needs_the_cost_of_building():
    assert of_build(5, Prices(build=50)) == 0.1
    assert of_build(5, Prices()) is None


def test_the_published_prices_of_an_online_service():
    """Digits, 650 queries at 0.0001 each: $0.07 (Tramèr et al., USENIX Security 2016, table 7)."""
    assert round(queries(650, Prices(row=0.0001)), 2) == 0.07
