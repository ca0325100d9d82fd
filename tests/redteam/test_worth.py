import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.redteam.outcome import Prices
from wellhead.redteam.validation import Point, Taken, Tried
from wellhead.redteam.worth import Rows, cheapest, envelope, most_at, needed, rows_to, spent


def point(inputs, height, rows=None):
    return Point(inputs=inputs, rows=rows or inputs, fidelity=height, low=height - 0.05, high=height + 0.05)


PLAIN = Taken(thief="plain", curve=(point(50, 0.5), point(100, 0.8), point(200, 0.92)))
REPEATS = Taken(thief="repeats", curve=(point(50, 0.6, 150), point(100, 0.91, 300)))
SPLIT = Taken(thief="split", accounts=8, curve=(point(50, 0.95),))
TRIED = Tried(policy="p", takings=(PLAIN, REPEATS, SPLIT, Taken(thief="none")))


def test_rows_are_read_from_the_curve():
    assert needed(PLAIN.curve, 0.9)[1:] == (200, 200, None, 200)
    assert needed(PLAIN.curve, 0.99).rows is None


def test_the_cheapest_thief_depends_on_the_prices():
    assert cheapest(TRIED, 0.9, Prices(row=1.0)).thief == "split"
    dear = cheapest(TRIED, 0.9, Prices(row=1.0, account=100.0))
    assert (dear.thief, dear.need.rows, dear.accounts) == ("plain", 200, 1)
    assert spent(200, PLAIN, Prices(row=1.0, account=100.0)) == 300.0


def test_where_nobody_got_there_the_fewest_rows_bound_it():
    worth = cheapest(TRIED, 0.999, Prices())
    assert (worth.need.rows, worth.need.asked, worth.need.soonest, worth.thief) == (None, 50, 50, "")
    assert cheapest(Tried(policy="p", takings=(Taken(thief="a"),)), 0.9, Prices()) is None


def test_the_envelope_is_the_best_of_all_thieves():
    assert [(p.inputs, p.fidelity) for p in envelope(TRIED)] == [(50, 0.95), (100, 0.95), (200, 0.95)]
    assert most_at(TRIED, 40) is None and envelope(Tried(policy="p")) == []


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1)), max_size=12))
def test_the_envelope_never_falls(points):
    tried = Tried(policy="p", takings=tuple(Taken(thief=str(i), curve=(point(*p),)) for i, p in enumerate(points)))
    heights = [p.fidelity for p in envelope(tried)]
    assert heights == sorted(heights) and len(heights) == len({n for n, _ in points})


def test_rows_lie_between_two_measured_points_of_any_thief():
    calm = Tried(policy="p", takings=(PLAIN, REPEATS))
    assert rows_to(calm, 0.9) == Rows("p", 100, 200)  # PLAIN: 0.85 at most at 100, 0.97 at 200
    assert rows_to(calm, 0.9).words == "100 to 200"
    assert rows_to(calm, 0.99) == Rows("p", 200) and rows_to(calm, 0.99).words == "at least 200"
    assert rows_to(calm, 0.99).least and not rows_to(calm, 0.99).most


def test_the_upper_end_counts_of_every_thief():
    wide = Taken(thief="wide", curve=(point(50, 0.4), Point(inputs=60, rows=60, fidelity=0.5, low=0.1, high=0.95)))
    assert rows_to(Tried(policy="p", takings=(PLAIN, wide)), 0.9) == Rows("p", 50, 60)


def test_a_first_point_that_reaches_it_is_a_bound_from_above_alone():
    rows = rows_to(TRIED, 0.9)
    assert rows == Rows("p", 0, 50) and rows.most and rows.words == "at most 50"


def test_a_thief_who_was_not_there_counts_as_well():
    late = Taken(thief="late", curve=(point(500, 0.2), point(900, 0.97)))
    assert rows_to(Tried(policy="p", takings=(PLAIN, late)), 0.98) == Rows("p", 200, 900)


def test_rows_of_nobody_are_none():
    with pytest.raises(ConfigError, match="no"):
        rows_to(Tried(policy="p", takings=(Taken(thief="a"),)), 0.9)


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1)), min_size=1, max_size=4), min_size=1, max_size=3),
    st.floats(0.01, 1.05),
    st.floats(0.01, 1.05),
)
def test_a_harder_goal_never_takes_fewer_rows(curves, goal, other):
    tried = Tried(policy="p", takings=tuple(Taken(thief="t", curve=tuple(point(*p) for p in c)) for c in curves))
    easy, hard = rows_to(tried, min(goal, other)), rows_to(tried, max(goal, other))
    assert easy.number <= hard.number and (easy.enough or 0) <= (hard.enough or 10**9)
    below = [p for c in tried.takings for p in c.curve if p.rows <= easy.number]
    assert all(p.high < min(goal, other) for p in below)
