import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.defend.own.chance import band, least_matches, tail


def slow_tail(n, matches, among):
    """By fractions, term by term."""
    p = Fraction(1, among)
    return sum((math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(matches, n + 1)), Fraction(0))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(2, 200))
def test_the_tail_is_that_of_the_binomial(n, matches, among):
    matches = min(n, matches)
    exact = slow_tail(n, matches, among)
    assert tail(n, matches, among) == pytest.approx(
        math.log10(exact.numerator) - math.log10(exact.denominator), abs=1e-9
    )


@given(st.integers(1, 400), st.integers(2, 30), st.data())
def test_the_tail_is_scipys_where_floats_reach(n, among, data):
    stats = pytest.importorskip("scipy.stats")
    matches = data.draw(st.integers(0, n))
    found = float(stats.binom.sf(matches - 1, n, 1 / among))
    if found > 1e-290:
        assert 10 ** tail(n, matches, among) == pytest.approx(found, rel=1e-6)


def test_a_p_value_that_no_float_holds_is_still_a_number():
    assert tail(2000, 2000, 100) == pytest.approx(-4000.0)


@given(st.integers(1, 80), st.integers(2, 50), st.floats(-12, -0.001))
def test_the_fewest_matches_are_the_fewest(n, among, log10_p):
    least = least_matches(n, among, log10_p)
    assert least == n + 1 or tail(n, least, among) <= log10_p
    assert least == 0 or tail(n, least - 1, among) > log10_p


@pytest.mark.parametrize(
    ("classes", "marks", "least"), [(10, 25, 13), (10, 12, 9), (10, 7, 7), (100, 7, 4), (3, 29, 27)]
)
def test_matches_needed_for_one_in_a_million(classes, marks, least):
    """The figures of docs/ownership.md."""
    assert least_matches(marks, classes - 1, -6.0) == least


@given(st.integers(1, 3000), st.floats(0.001, 0.5))
def test_the_band_holds_what_it_says(n, share):
    stats = pytest.importorskip("scipy.stats")
    low, high = band(n, share)
    assert stats.binom.cdf(high, n, share) - stats.binom.cdf(low - 1, n, share) >= 0.999 - 1e-9
    assert stats.binom.cdf(low - 1, n, share) <= 0.0005 + 1e-9
    assert stats.binom.sf(high, n, share) <= 0.0005 + 1e-9


def test_the_ends_of_the_band():
    assert band(10, 0.0) == (0, 0)
    assert band(10, 1.0) == (10, 10)
    assert band(0, 0.5) == (0, 0)


@pytest.mark.parametrize(("n", "matches", "among"), [(3, 4, 9), (3, -1, 9), (3, 1, 1)])
def test_numbers_without_a_meaning_are_refused(n, matches, among):
    with pytest.raises(ConfigError, match="expected"):
        tail(n, matches, among)
