import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.redteam.budget import NOTHING, UNLIMITED, Budget, Spending, Spent

LIMIT = st.one_of(st.just(math.inf), st.integers(0, 60).map(float))
PRICES = st.sampled_from([0.0, 0.1, 0.25, 1.0])


@given(
    st.builds(Budget, rows=LIMIT, calls=LIMIT, money=LIMIT, price_row=PRICES, price_call=PRICES),
    st.lists(st.integers(1, 9), max_size=30),
)
def test_a_plan_fits_is_greedy_and_is_then_granted(budget, sizes):
    spending = Spending(budget)
    plan = spending.plan(sizes, 0.0)
    rows = calls = 0
    for size, granted in zip(sizes, plan, strict=True):
        fits = [
            n
            for n in range(1, size + 1)
            if rows + n <= budget.rows
            and calls + 1 <= budget.calls
            and budget.cost(rows + n, calls + 1) <= budget.money * (1 + 1e-9)
        ]
        assert granted == max(fits, default=0)
        rows, calls = rows + granted, calls + bool(granted)
    assert bool(spending.exhausted) == (rows < sum(sizes))
    assert all(spending.reserve(n, False, 0.0) for n in plan if n)
    assert spending.spent(0.0) == Spent(rows=rows, calls=calls, money=budget.cost(rows, calls))


def test_ten_times_a_tenth_is_one():
    spending = Spending(Budget(money=1.0, price_row=0.1))
    assert spending.plan([11], 0.0) == [10]
    assert spending.reserve(10, False, 0.0) and not spending.reserve(1, False, 0.0)
    assert spending.exhausted == "money"


def test_refused_rows_come_back_and_calls_do_not():
    spending = Spending(Budget(rows=10, calls=3))
    assert spending.reserve(10, False, 0.0)
    spending.release(10)
    assert spending.reserve(10, True, 0.0)
    assert spending.spent(0.0) == Spent(rows=10, calls=1, retries=1)
    assert not spending.reserve(1, False, 0.0) and spending.exhausted == "rows"


def test_seconds_of_earlier_sessions_count():
    spending = Spending(Budget(seconds=10), Spent(seconds=7), started_s=100.0)
    assert spending.seconds_left(102.0) == 1.0
    assert spending.reserve(1, False, 102.9) and not spending.reserve(1, False, 103.0)
    assert spending.plan([1], 103.0) == [0] and spending.exhausted == "seconds"


def test_threads_together_never_overrun():
    spending = Spending(Budget(rows=1000))
    granted = []

    def spend():
        granted.extend(3 for _ in range(200) if spending.reserve(3, False, 0.0))

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(granted) == spending.spent(0.0).rows == 999


@pytest.mark.parametrize("field", Budget.__struct_fields__)
def test_negative_and_nan_budgets_are_refused(field):
    for value in (-1, math.nan):
        with pytest.raises(ConfigError, match=field):
            Budget(**{field: value})


def test_nothing_limits_where_nothing_was_said():
    assert Spending(UNLIMITED, NOTHING).plan([10**9], 1e9) == [10**9]
