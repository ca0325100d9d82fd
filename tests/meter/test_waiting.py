import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellhead.meter.waiting import DAY_S, Waiting, join, runs
from wellhead.testing.sketches import rows


def batch(names, marks, days=0.0, **columns):
    return rows(names, marks, time_s=np.asarray(days) * DAY_S, **columns)


def asked_by(b):
    return [(b.names[p], int(f)) for p, f in zip(b.principal, b.fingerprint, strict=True)]


def test_joined_rows_keep_their_principals_order_and_attributes():
    a = rows(["x", "y"], [1, 2], attributes={"x": frozenset({("network", "n")})})
    b = rows(["y", "z", "x"], [3, 4, 5], attributes={"x": frozenset({("agent", "a")})})
    whole = join([a, b])
    assert asked_by(whole) == [("x", 1), ("y", 2), ("y", 3), ("z", 4), ("x", 5)]
    assert dict(zip(whole.names, whole.attributes, strict=True))["x"] == {("network", "n"), ("agent", "a")}


def test_rows_without_scores_get_zeros_beside_rows_with():
    a = rows(["x"], [1], scores=np.full((1, 3), 9, np.int8), classes=3)
    whole = join([a, rows(["x", "y"], [2, 3])])
    assert whole.scores.tolist() == [[9, 9, 9], [0, 0, 0], [0, 0, 0]] and whole.classes == 3
    assert whole.score_classes.shape == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=50))
def test_runs_are_the_rows_of_each_principal_and_day(pairs):
    whole = batch([name for name, _ in pairs], np.arange(len(pairs)), [day for _, day in pairs])
    found = {}
    for part, pieces in runs(whole):
        for run in pieces:
            marks = part.fingerprint[run.start : run.stop].tolist()
            found.setdefault((run.name, run.day), []).extend(marks)
    expected = {}
    for i, pair in enumerate(pairs):
        expected.setdefault(pair, []).append(i)
    assert found == expected


def test_only_the_named_wait_and_are_taken():
    waiting = Waiting(4)
    waiting.add(batch(["a", "b", "c"], [1, 2, 3]), {"a", "b"})
    assert not waiting.full
    waiting.add(batch(["b", "a"], [4, 5]), {"a", "b"})
    assert waiting.full
    assert asked_by(waiting.take({"b"})) == [("b", 2), ("b", 4)]
    assert not waiting.full and waiting.take({"nobody"}) is None
    assert asked_by(waiting.take()) == [("a", 1), ("a", 5)]
    assert waiting.take() is None
