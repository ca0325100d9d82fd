import numpy as np
import pytest

from wellhead.core.codec import quantise
from wellhead.meter.record import RECORD, combine, fold
from wellhead.testing.sketches import rows


def folded(*batches):
    state = np.zeros(1, dtype=RECORD)
    due = [fold(state, batch.principal.astype(np.intp), batch, None) for batch in batches]
    return state[0], due


def of_one(n, **columns):
    return rows(["p"] * n, range(n), **columns)


def test_near_boundary_by_the_two_best_scores():
    scores = quantise(np.array([[0.50, 0.45, 0.05], [0.50, 0.30, 0.20], [0.9, 0.1, 0.0]]))
    record, _ = folded(of_one(3, scores=scores, confidence=np.array([0.5, 0.5, 0.9], np.float32)))
    assert record["boundary"] == 1


@pytest.mark.parametrize(("classes", "near", "known"), [(2, 1, 3), (0, 0, 0), (3, 0, 0), (100, 0, 0)])
def test_near_boundary_by_confidence_alone_only_where_there_are_two_classes(classes, near, known):
    record, _ = folded(of_one(4, confidence=np.array([0.54, 0.56, 0.44, np.nan], np.float32), classes=classes))
    assert (record["boundary"], record["margins"], record["scored"]) == (near, known, 3)


def test_rows_without_scores_among_others_do_not_count_as_near():
    scores = quantise(np.array([[0.50, 0.45, 0.05], [0.4, 0.3, 0.3], [0.9, 0.1, 0.0]]))
    scores[1] = 0
    record, _ = folded(of_one(3, scores=scores, confidence=np.array([0.5, 0.4, 0.9], np.float32), classes=3))
    assert (record["boundary"], record["margins"], record["scored"]) == (1, 2, 3)


def test_of_two_classes_scores_count_more_than_confidence():
    scores = quantise(np.array([[0.8, 0.2], [0.5, 0.5]]))
    record, _ = folded(of_one(2, scores=scores, confidence=np.array([0.5, 0.5], np.float32), classes=2))
    assert (record["boundary"], record["margins"]) == (1, 2)


def test_full_confidence_starts_at_99_percent():
    record, _ = folded(of_one(3, confidence=np.array([0.99, 0.989, 1.0], np.float32)))
    assert record["full"] == 2


def test_only_whole_score_vectors_count_as_scores_asked():
    record, _ = folded(of_one(6, asked=np.arange(6, dtype=np.uint8)))
    assert record["asked"] == 2


def test_gaps_are_between_requests_not_rows():
    times = np.repeat(1.7e9 + 10.0 * np.arange(5), 8)
    record, _ = folded(of_one(40, time_s=times))
    assert record["gaps"] == 4
    assert record["gap_log"] == pytest.approx(4 * np.log(10.0))


def test_gaps_go_on_across_batches_and_never_backwards():
    record, _ = folded(of_one(1, time_s=100.0), of_one(1, time_s=103.0), of_one(1, time_s=50.0))
    assert (record["gaps"], record["first"], record["last"]) == (1, 50.0, 103.0)


def test_late_rows_count_in_their_own_bucket_or_in_none():
    record, _ = folded(of_one(3, time_s=600.0), of_one(2, time_s=545.0), of_one(5, time_s=400.0))
    assert (record["minute_now"], record["minute_before"]) == (3, 2)


def test_due_when_rows_or_a_busy_minute_pass_a_power_of_two():
    _, due = folded(of_one(31), of_one(1), of_one(1))
    assert [d.item() for d in due] == [True, True, False]
    old = of_one(40_000, time_s=0.0)
    _, due = folded(old, of_one(200, time_s=90_000.0), of_one(100, time_s=90_000.0), of_one(100, time_s=90_000.0))
    assert [d.item() for d in due] == [True, False, True, False]


def test_combine_adds_to_a_fresh_record():
    whole, _ = folded(of_one(50, time_s=np.arange(50.0)))
    state = np.zeros(1, dtype=RECORD)
    combine(state, np.array([whole]))
    assert all(np.array_equal(state[0][f], whole[f]) for f in RECORD.names if f not in ("hashes", "times", "seen"))
    assert set(state["hashes"][0]) == set(whole["hashes"])
