import numpy as np

from wellhead.serve.scan_unlike import far, ranked, usual


def test_only_the_suspicious_side_counts_and_little_knowledge_counts_nothing():
    values = np.zeros((40, 3))
    values[:, 0] = np.arange(40)
    values[:, 1] = -np.arange(40)
    values[:, 2] = np.nan
    values[:5, 2] = 9.0
    scores = far(values, ((1,), (1,), (1, -1)))
    assert scores[39, 0] > 1
    assert scores[39, 1] == 0
    assert scores[0, 1] > 1
    assert not scores[:, 2].any()


def test_rank_is_by_kinds_and_does_not_hang_on_order():
    scores = np.array([[9.0, 9.0, 0.0, 0.0], [4.0, 0.0, 4.0, 4.0]])
    kinds = ("a", "a", "b", "c")
    assert ranked(scores, kinds).tolist() == [9.0, 12.0]
    assert ranked(scores[::-1], kinds).tolist() == [12.0, 9.0]


def test_usual_is_where_nine_in_ten_lie():
    values = np.stack([np.arange(101.0), np.full(101, np.nan)], axis=1)
    low, high = usual(values)
    assert (low[0], high[0]) == (5.0, 95.0)
    assert np.isnan(low[1])
