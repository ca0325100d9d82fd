import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.detect.looks import FIRST_ROWS, Looking, joined
from wellhead.detect.segments import Segments
from wellhead.meter.sketch import Sketches
from wellhead.testing.sketches import rows

DAY = 86_400.0


class Reads:
    """Three plain numbers."""

    names = ("rows", "distinct", "moved")

    def read(self, seen):
        return np.stack([seen.rows, seen.distinct, seen.moved], axis=1).astype(np.float64)


def traffic(seed, n, people=4, days=3.0):
    rng = np.random.default_rng(seed)
    time_s = np.sort(rng.uniform(0, days * DAY, n))
    return rows([f"p{i}" for i in rng.integers(0, people, n)], rng.integers(0, 50, n), time_s=time_s)


def looking(period_days=30.0, **kw):
    return Looking(Reads(), Sketches(), period_days, Segments(("band",)), **kw)


def table(seen):
    return [
        (seen.names[p], int(r), int(q), s, *v.tolist())
        for p, r, q, s, v in zip(seen.principal, seen.rows, seen.period, seen.segments, seen.values, strict=True)
    ]


def folded(batch, cuts, period_days=30.0):
    at = looking(period_days)
    parts = [batch.take(part) for part in np.split(np.arange(len(batch)), cuts)]
    return joined([at.fold(part) for part in parts])


@settings(max_examples=25)
@given(st.integers(0, 100), st.integers(1, 100))
def test_fed_row_by_row_looks_are_at_powers_of_two(seed, n):
    seen = folded(traffic(seed, n), range(1, n))
    counts = np.unique(traffic(seed, n).principal, return_counts=True)[1]
    assert sorted(seen.rows.tolist()) == sorted(2**k for c in counts for k in range(int(c).bit_length()))


@settings(max_examples=15)
@given(st.integers(0, 100), st.lists(st.integers(0, 120), max_size=8))
def test_batches_look_at_the_same_state_only_not_so_often(seed, cuts):
    batch = traffic(seed, 120)
    single = {(name, r): rest for name, r, *rest in table(folded(batch, range(1, 120)))}
    for name, r, *rest in table(folded(batch, sorted(cuts))):
        exact = single.get((name, r))
        assert exact is None or repr(exact[:4]) == repr(rest[:4])
        assert r & (r - 1) or exact is not None


def test_small_principals_are_noted_and_not_read():
    seen = folded(traffic(1, 200), range(1, 200))
    assert np.isnan(seen.values[seen.rows < FIRST_ROWS]).all()
    assert np.array_equal(seen.values[seen.rows >= FIRST_ROWS, 0], seen.rows[seen.rows >= FIRST_ROWS])


def test_a_new_period_starts_anew_and_remembers_the_volume_before():
    at = looking(1.0)
    first = at.fold(rows(["a"] * 40, range(40), time_s=10.0))
    second = at.fold(rows(["a"] * 16 + ["b"], range(17), time_s=DAY + 5))
    third = at.fold(rows(["b"], [1], time_s=2 * DAY + 5))
    later = at.fold(rows(["b"], [1], time_s=9 * DAY))
    assert (first.segments, first.rows.tolist()) == (("band=first",), [40])
    assert dict(zip(second.names, second.segments, strict=True)) == {"a": "band=<1k", "b": "band=new"}
    assert second.rows.tolist() == [16, 1]
    assert at.period == 9
    assert (third.segments, later.segments) == (("band=<1k",), ("band=new",))
    assert [int(s.period[0]) for s in (first, second, third, later)] == [0, 1, 2, 9]


def test_one_batch_may_hold_two_periods():
    batch = traffic(3, 400, days=2.0)
    assert repr(table(folded(batch, [], 1.0))) == repr(table(folded(batch, [int((batch.time_s < DAY).sum())], 1.0)))


def test_late_rows_count_in_the_current_period_and_periods_count_from_the_origin():
    at = looking(1.0, origin_s=100 * DAY)
    at.fold(rows(["a"], [1], time_s=101.5 * DAY))
    late = at.fold(rows(["a"] * 3, range(3), time_s=[100.5 * DAY, 3.0, 101.6 * DAY]))
    assert (at.period, late.rows.tolist(), late.period.tolist()) == (1, [4], [1])
    assert looking(1.0, origin_s=100 * DAY).fold(rows(["a"], [1], time_s=0.0)).period.tolist() == [0]


def test_the_reader_may_say_what_time_it_is():
    at = looking(1.0)
    at.fold(rows(["a"], [1], time_s=1e9), now_s=10.0)
    assert at.period == 0
    at.fold(rows(["a"], [1], time_s=1.0), now_s=DAY + 10.0)
    assert at.period == 1


def test_a_segment_holds_until_the_period_ends():
    at = Looking(Reads(), Sketches(), 1.0, Segments(("plan",)))

    def ask(plan, day, n=1):
        return at.fold(rows(["a"] * n, range(n), time_s=day * DAY, attributes={"a": frozenset({("plan", plan)})}))

    assert [ask("free", 0.1).segments[0], ask("gold", 0.2).segments[0], ask("gold", 1.2).segments[0]] == [
        "plan=free", "plan=free", "plan=gold"
    ]  # fmt: skip


def test_nothing_folded_is_no_look():
    assert len(looking().fold(traffic(0, 10).take(np.arange(0)))) == 0


def test_joining_renumbers_the_principals():
    a, b = folded(traffic(1, 50), []), folded(traffic(2, 60, people=6), [])
    assert repr(table(joined([a, b]))) == repr(table(a) + table(b))
