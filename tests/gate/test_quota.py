import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance, Verdict
from wellhead.gate.policy import Terms
from wellhead.gate.quota import Tally, conforms, take

FREE = (0.0, 0)


def terms(**changes):
    fields = {"passing": Verdict(Stance.ALLOW, Exposure.PROBABILITIES), "per_row_s": 1.0, "burst_rows": 10}
    fields |= {"rows_per_day": 0, "max_rows": 0, "max_unread_rows": 0, "max_drawn": 0.8}
    return Terms(**(fields | changes))


class Bucket:
    """The slow obvious twin: a bucket of `burst` rows that refills one row each `per_row_s`."""

    def __init__(self, burst, per_row_s):
        self.level, self.burst, self.per_row_s, self.at = float(burst), burst, per_row_s, 0.0

    def admit(self, rows, now):
        self.level = min(self.burst, self.level + (now - self.at) / self.per_row_s)
        self.at = now
        if rows > self.level + 1e-6:
            return False
        self.level -= rows
        return True


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 12)), max_size=60))
def test_gcra_admits_what_a_token_bucket_admits(arrivals):
    tat, now, bucket = 0.0, 0.0, Bucket(10, 1.0)
    for gap, rows in arrivals:
        now += gap
        level = min(10, bucket.level + (now - bucket.at))
        if abs(level - rows) < 1e-4:
            return  # on the edge the twins may round apart
        new, wait = conforms(tat, now, rows * 1.0, 10.0)
        assert (wait == 0) == bucket.admit(rows, now)
        tat = new


def test_capacity_is_exact_and_the_wait_is_told():
    tally, everyone, limits = Tally(), Tally(), terms()
    for _ in range(10):
        assert take(tally, everyone, limits, 1, 1000.0, FREE) == ("", 0.0)
    full, wait = take(tally, everyone, limits, 1, 1000.0, FREE)
    assert full == "rows a minute"
    assert wait == pytest.approx(1.0)
    assert take(tally, everyone, limits, 1, 1000.0 + wait, FREE) == ("", 0.0)


def test_a_refused_request_costs_nothing():
    tally, everyone = Tally(), Tally()
    before = (tally.tat_s, tally.day_rows, tally.unread_rows, everyone.tat_s)
    assert take(tally, everyone, terms(), 11, 5.0, FREE)[0] == "rows a minute"
    assert take(tally, everyone, terms(), 5, 5.0, (1.0, 4))[0] == "rows a minute of all together"
    assert (tally.tat_s, tally.day_rows, tally.unread_rows, everyone.tat_s) == before


def test_a_batch_counts_as_its_rows():
    tally, everyone, limits = Tally(), Tally(), terms(rows_per_day=300, burst_rows=10_000)
    assert take(tally, everyone, limits, 256, 0.0, FREE)[0] == ""
    assert take(tally, everyone, limits, 45, 0.0, FREE)[0] == "rows a day"
    assert take(tally, everyone, limits, 44, 0.0, FREE)[0] == ""


def test_the_daily_quota_begins_anew_at_midnight():
    tally, everyone, limits = Tally(), Tally(), terms(rows_per_day=5)
    assert take(tally, everyone, limits, 5, 86_399.0, FREE)[0] == ""
    full, wait = take(tally, everyone, limits, 1, 86_399.0, FREE)
    assert (full, wait) == ("rows a day", 1.0)
    assert take(tally, everyone, limits, 1, 86_400.0 + 5, FREE)[0] == ""


def test_rows_in_flight_count_until_they_are_metered():
    tally, everyone, limits = Tally(), Tally(), terms(max_unread_rows=3)
    assert take(tally, everyone, limits, 3, 0.0, FREE)[0] == ""
    assert take(tally, everyone, limits, 1, 0.0, FREE)[0] == "rows in flight"
    tally.unread_rows -= 3
    assert take(tally, everyone, limits, 1, 0.0, FREE)[0] == ""


def test_zero_means_no_limit():
    tally, everyone = Tally(), Tally()
    limits = terms(per_row_s=0.0, burst_rows=0)
    assert all(take(tally, everyone, limits, 10_000, 0.0, FREE)[0] == "" for _ in range(100))


def test_no_limit_holds_also_when_the_clock_steps_back():
    tally, everyone, limits = Tally(), Tally(), terms(per_row_s=0.0, burst_rows=0)
    assert [take(tally, everyone, limits, 1, now, FREE)[0] for now in (100.0, 99.0, 50.0)] == ["", "", ""]
