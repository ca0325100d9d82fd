import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.detect.looks import FIRST_ROWS, Looking, joined
from wellhead.detect.segments import Segments
from wellhead.meter.sketch import Sketches
from wellhead.testing.signals import views
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


def last(seen):
    """What the last look at each principal said; the reads but `moved`, which depends on when looks fell."""
    found = zip(seen.principal, seen.rows, seen.values, strict=True)
    return {seen.names[p]: (int(r), *v[:2].tolist()) for p, r, v in found}


@settings(max_examples=6)
@given(st.integers(0, 50), st.randoms(use_true_random=False))
def test_rows_out_of_order_are_looked_at_as_in_order(seed, dice):
    batch = traffic(seed, 60)
    mixed = list(range(60))
    dice.shuffle(mixed)
    plain, shuffled = looking(), looking()
    for at, order_ in ((plain, range(60)), (shuffled, mixed)):
        for i in order_:
            at.fold(batch.take(np.array([i])))
    assert plain.rows == shuffled.rows and plain.segment_of == shuffled.segment_of
    assert repr(last(plain.look(sorted(plain.rows), 0.0))) == repr(last(shuffled.look(sorted(plain.rows), 0.0)))


def test_rows_that_come_twice_count_twice_and_are_seen_to_repeat():
    batch = rows(["a"] * 64, range(64), time_s=10.0)
    at = looking()
    once, twice = at.fold(batch), at.fold(batch)
    assert (once.rows.tolist(), twice.rows.tolist()) == ([64], [128])
    assert (once.values[0, 1], twice.values[0, 1]) == (64.0, 64.0)
    assert twice.segments == once.segments


def test_clocks_that_run_wild_lose_no_row_and_start_no_period_twice():
    at = looking(1.0, origin_s=100 * DAY)
    stamps = [100.5, 100.6, -3.0, 465.0, 100.7, 0.0, 101.5, 465.2]
    seen = joined([at.fold(rows(["a"], [i], time_s=t * DAY)) for i, t in enumerate(stamps)])
    assert seen.period.tolist() == sorted(seen.period.tolist())
    assert set(seen.period.tolist()) == {0, 365}
    # three before the clock ran ahead a year, five after: what came late counts where the reader is
    assert (at.before, at.rows) == ({}, {"a": 5})


class Counts:
    """Sketches that only count, for volumes that would take long to sketch."""

    def __init__(self, space=None):
        self.space, self.due = space, []

    def update(self, batch):
        self.due = list(batch.names)

    def columns(self, names=None, now_s=None):
        return views(names=tuple(names), features=np.zeros((len(names), 4), np.float32))


def test_ten_million_queries_of_one_are_counted_and_make_its_band():
    batch = rows(["huge"] * 1_000_000, np.zeros(1_000_000, int), time_s=10.0)
    at = Looking(Reads(), Counts(), 1.0, Segments(("band",)))
    for _ in range(10):
        seen = at.fold(batch, now_s=10.0)
    assert seen.rows.tolist() == [10_000_000]
    after = at.fold(rows(["huge", "one"], [1, 2], time_s=DAY + 1.0))
    assert dict(zip(after.names, after.segments, strict=True)) == {"huge": "band=>1M", "one": "band=new"}


def test_one_query_of_one_principal_is_a_look_that_says_nothing():
    seen = looking().fold(rows(["one"], [1], time_s=10.0))
    assert (seen.names, seen.rows.tolist()) == (("one",), [1])
    assert np.isnan(seen.values).all()
