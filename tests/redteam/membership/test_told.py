import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wellhead.core.errors import ConfigError, Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.known import Known
from wellhead.redteam.membership.told import (
    both,
    likelihoods,
    margins,
    need_candidates,
    outsiders,
    told_margins,
    views,
)

LOGITS = arrays(np.float64, (4, 3), elements=st.floats(-15, 15))
LABELS = np.array([0, 1, 2, 0])


@given(LOGITS)
def test_margins_of_logits_and_of_their_probabilities_agree_with_the_definition(logits):
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = shares[np.arange(4), LABELS]
    slow = np.log(true) - np.log([shares[i, [k for k in range(3) if k != LABELS[i]]].sum() for i in range(4)])
    assert margins(logits, LABELS, True) == pytest.approx(slow, abs=1e-6)
    assert margins(shares, LABELS, False) == pytest.approx(slow, abs=1e-6)
    stack = np.stack([logits, logits + 3])
    assert margins(stack, LABELS, True) == pytest.approx(np.stack([slow, slow]), abs=1e-6)


def test_nothing_saturates():
    sure = np.array([[60.0, 0, 0], [90.0, 0, 0]])
    assert margins(sure, np.array([0, 0]), True) == pytest.approx([60 - np.log(2), 90 - np.log(2)])
    shares = np.array([[1.0, 1e-40, 0], [1.0, 0, 0]])
    assert np.all(np.isfinite(margins(shares, np.array([0, 0]), False)))
    assert np.all(np.isfinite(margins(np.array([[0.0, -np.inf]]), np.array([1]), True)))


def test_rounded_answers_end_half_a_unit_before_certainty():
    shares = np.array([[1.0, 0.0], [0.996, 0.004]])
    found = margins(shares, np.array([0, 0]), False, decimals=2)
    assert found == pytest.approx([-np.log(0.005)] * 2)
    logits = np.log(np.array([[0.996, 0.004]]))
    assert margins(logits, np.array([0]), True, decimals=2) == pytest.approx(found[:1])


def test_a_label_without_a_column_is_as_unlikely_as_can_be():
    true, others = likelihoods(np.array([[0.5, 0.5]]), np.array([3]), False)
    assert true[0] < -600 and others[0] == pytest.approx(0)
    assert likelihoods(np.array([[2.0, 2.0]]), np.array([3]), True)[0][0] < -600


def test_unanswered_rows_have_no_margin():
    scores = np.array([[0.7, 0.3], [np.nan, np.nan]])
    found = told_margins(Answer(Exposure.PROBABILITIES, scores=scores), np.array([0, 1]))
    assert found[0] == pytest.approx(np.log(7 / 3)) and np.isnan(found[1])
    assert np.isnan(told_margins(Answer(Exposure.NONE), np.array([0, 1]))).all()
    assert np.isnan(told_margins(Answer(Exposure.LABEL, labels=np.array([0, 1])), np.array([0, 1]))).all()


def test_the_pool_loses_rows_that_are_candidates():
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    known = Known(candidates=rows[:2], pool=rows[1:], labels=np.arange(5))
    inputs, labels = outsiders(known)
    assert np.array_equal(inputs, rows[2:]) and labels.tolist() == [1, 2, 3, 4]
    assert len(outsiders(Known(candidates=rows, pool=rows))[0]) == 0
    texts = Known(candidates=["a"], pool=["a", "b"], labels=np.array([0, 1]))
    assert outsiders(texts)[0] == ["b"]


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (Known(task="regressor"), "classifier"),
        (Known(), "candidates"),
        (Known(candidates=np.zeros((2, 1))), "labels"),
        (Known(candidates=np.zeros((2, 1)), candidate_labels=np.zeros(2, int), rows=1), "budget"),
    ],
)
def test_what_every_membership_attack_needs(known, reason):
    with pytest.raises(Unsuited, match=reason):
        need_candidates(known)


def test_views_are_the_record_first_and_then_much_like_it():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 40))
    first, second = views(rows, 2, 0.1, rng)
    assert first is rows and 0.8 < (second == rows).mean() < 0.99
    pictures = rng.normal(size=(3, 5, 4))
    mirrored = views(pictures, 3, 0.1, rng)[1:]
    assert np.array_equal(mirrored[0], pictures[:, :, ::-1])
    assert np.array_equal(mirrored[1][:, :, 1:], pictures[:, :, :-1])
    with pytest.raises(ConfigError, match="texts"):
        views(["a"], 2, 0.1, rng)


def test_either_part_may_be_empty():
    rows = np.ones((2, 3))
    assert np.array_equal(both(rows, np.zeros((0, 0))), rows) and both(["a"], ["b"]) == ["a", "b"]
