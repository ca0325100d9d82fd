import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from wellhead.core.errors import ProfileError
from wellhead.meter.sketch import VALUES_PER_ATTRIBUTE, Sketches
from wellhead.meter.view import Views
from wellhead.testing.sketches import check_sketch, rows, space, traffic, visits

SPACE = space()


def sketched(*batches):
    sketches = Sketches(SPACE)
    for batch in batches:
        sketches.update(batch)
    return sketches


def test_keeps_the_contract():
    check_sketch(lambda: Sketches(space()))
    check_sketch(Sketches)


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 400), max_size=4))
def test_any_split_reads_as_one_fold(seed, cuts):
    batch = traffic(seed, n=400)
    parts = [batch.take(p) for p in np.split(np.arange(400), sorted(cuts))]
    whole, split = sketched(batch), sketched(*parts)
    expected, got = whole.columns(sorted(whole.names)), split.columns(sorted(whole.names))
    for field in set(Views.__struct_fields__) - {"timing_cv", "moved", "drawn", "names", "attributes", "sample"}:
        assert np.array_equal(getattr(got, field), getattr(expected, field), equal_nan=True), field
    assert (np.sort(got.sample) == np.sort(expected.sample)).all()
    for i, name in enumerate(expected.names):
        assert whole.view(name) == expected.view(i) or math.isnan(whole.view(name).timing_cv)


@given(st.lists(st.integers(0, 250), min_size=1, max_size=400))
def test_unique_ratio_is_exact_for_few_inputs(inputs):
    view = sketched(rows(["p"] * len(inputs), inputs)).view("p")
    assert view.unique_ratio == pytest.approx(len(set(inputs)) / len(inputs))


def test_unique_ratio_of_many_rows_is_near_the_truth():
    rng = np.random.default_rng(3)
    repeats = rng.random(20_000) < 0.25
    inputs = np.where(repeats, rng.integers(0, 15_000, 20_000), np.arange(20_000))
    view = sketched(rows(["p"] * 20_000, inputs)).view("p")
    assert view.unique_ratio == pytest.approx(len(set(inputs.tolist())) / 20_000, abs=0.06)


def test_regular_requests_have_no_spread_and_human_ones_do():
    rng = np.random.default_rng(4)
    clock = sketched(rows(["p"] * 100, range(100), time_s=1.7e9 + 2.0 * np.arange(100)))
    human = sketched(rows(["p"] * 100, range(100), time_s=1.7e9 + np.cumsum(rng.lognormal(0, 1, 100))))
    assert clock.view("p").timing_cv < 0.01
    assert 0.8 < human.view("p").timing_cv < 2.5


def test_volume_of_the_last_minute_and_hour():
    times = 1.7e9 // 3600 * 3600 + np.concatenate((np.arange(0, 1800, 6.0), np.arange(1800, 1860, 0.06)))
    view = sketched(rows(["p"] * times.size, range(times.size), time_s=times)).view("p")
    assert view.volume_60s == pytest.approx(1000, rel=0.02)
    assert view.volume_3600s == pytest.approx(1300, rel=0.02)


def test_names_of_a_batch_that_have_no_rows_are_not_seen():
    batch = rows(["a", "b", "a"], [1, 2, 3]).take(np.array([0, 2]))
    assert sketched(batch).names == ["a"]


def test_an_empty_batch_changes_nothing():
    sketches = sketched(rows(["a"], [1]))
    sketches.update(rows(["a"], [1]).take(np.array([], dtype=int)))
    assert (sketches.view("a").rows, sketches.due) == (1, [])


def test_the_unseen_have_an_empty_view():
    assert Sketches().view("nobody") == sketched(rows(["a"], [1])).view("nobody")
    assert Sketches().view("nobody").rows == 0


def test_at_most_eight_values_of_an_attribute_in_any_order():
    pairs = [("address", f"a{i}") for i in range(20)] + [("network", f"n{i}") for i in range(3)]
    batches = [rows(["p"], [i], attributes={"p": frozenset({pair})}) for i, pair in enumerate(pairs)]
    forth, back = sketched(*batches).view("p").attributes, sketched(*batches[::-1]).view("p").attributes
    assert forth == back
    assert sum(a == "address" for a, _ in forth) == VALUES_PER_ATTRIBUTE
    assert sum(a == "network" for a, _ in forth) == 3


def test_due_names_those_whose_rows_doubled():
    sketches = sketched(rows(["a"] * 31 + ["b"] * 40, range(71)))
    sketches.update(rows(["a", "b"], [71, 72]))
    assert sketches.due == ["a"]


def test_more_principals_than_a_chunk():
    many = 132_000
    names = [f"p{i}" for i in range(many)]
    sketches = sketched(rows(names, range(many)), rows([names[0], names[-1]], [0, 5]))
    assert sketches.view(names[0]).unique_ratio == 0.5
    assert sketches.view(names[-1]).rows == 2
    assert sketches.view(names[70_000]).rows == 1
    assert len(sketches.merge(sketched(rows(["p5"], [5]))).names) == many


def test_columns_are_in_the_order_asked_for_and_the_unseen_are_rows_of_nothing():
    sketches = sketched(rows(["a", "b", "b"], [1, 2, 3]))
    views = sketches.columns(["b", "nobody", "a"])
    assert (views.names, views.rows.tolist()) == (("b", "nobody", "a"), [2, 0, 1])
    assert math.isnan(views.unique_ratio[1])
    assert sketches.columns().names == ("a", "b")
    assert len(Sketches().columns()) == 0


def test_a_space_is_set_once():
    sketches = Sketches()
    sketches.update(traffic(1))
    assert sketches.columns(["p1"]).placed[0] == 0
    sketches.space = SPACE
    sketches.update(traffic(1))
    assert sketches.columns(["p1"]).placed[0] > 0
    sketches.space = SPACE
    with pytest.raises(ProfileError, match="have a space"):
        sketches.space = space(1)


def test_rows_of_another_code_width_lie_nowhere():
    batch = rows(["a"] * 3, range(3), codes=np.ones((3, 4), np.int8))
    assert sketched(batch).columns(["a"]).placed[0] == 0


def test_visits_alone_make_a_principal_without_rows():
    sketches = Sketches()
    sketches.visit(visits(0))
    views = sketches.columns()
    assert views.requests.sum() == 200 and views.rows.sum() == 0
    sketches.update(rows(["p1"], [1], time_s=5.0))
    assert (sketches.view("p1").rows, sketches.view("p1").first_s) == (1, 5.0)
