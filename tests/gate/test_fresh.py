import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.batch import Batch
from wellhead.gate import fresh
from wellhead.gate.fresh import Fresh


def batch(rows):
    names = tuple(dict.fromkeys(name for name, _ in rows))
    n = len(rows)
    return Batch(
        names=names, attributes=(frozenset(),) * len(names), classes=0,
        principal=np.array([names.index(name) for name, _ in rows], np.int32),
        fingerprint=np.array([mark for _, mark in rows], np.uint64),
        time_s=np.zeros(n), codes=np.zeros((n, 0), np.int8), traits=np.zeros((n, 0), np.uint8),
        asked=np.zeros(n, np.uint8), given=np.zeros(n, np.uint8),
        top1=np.zeros(n, np.int64), confidence=np.zeros(n, np.float32), scores=np.zeros((n, 0), np.int8),
        score_classes=np.zeros((0, 0), np.uint16), values=np.zeros(n),
    )  # fmt: skip


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=40)


@given(ROWS, st.lists(ROWS, max_size=4))
def test_like_plain_sets(past, later):
    counts, twin = Fresh(), {"a": {m for n, m in past if n == "a"}}
    counts.watch("a", batch([row for row in past if row[0] == "a"] or [("b", 0)]))
    for rows in later:
        counts.add(batch(rows))
        twin["a"] |= {m for n, m in rows if n == "a"}
    assert counts.count("a") == len(twin["a"])
    assert counts.count("b") == 0


def test_watching_twice_counts_once():
    counts = Fresh()
    for _ in range(2):
        counts.watch("a", batch([("a", 1), ("a", 1), ("a", 2)]))
    assert counts.count("a") == 2


def test_beyond_what_is_remembered_every_row_is_new(monkeypatch):
    monkeypatch.setattr(fresh, "MOST", 3)
    counts = Fresh()
    counts.watch("a", batch([("a", i) for i in range(3)]))
    counts.add(batch([("a", 0), ("a", 1)]))
    assert counts.count("a") == 5
