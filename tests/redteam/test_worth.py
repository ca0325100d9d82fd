from hypothesis import given
from hypothesis import strategies as st

from wellhead.redteam.outcome import Prices
from wellhead.redteam.validation import Point, Taken, Tried
from wellhead.redteam.worth import cheapest, envelope, most_at, needed, spent


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
