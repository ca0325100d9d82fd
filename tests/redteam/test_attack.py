import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import answered, join, join_inputs, length, scored, take, take_inputs

SCORES = Answer(Exposure.PROBABILITIES, scores=np.array([[0.2, 0.8], [0.6, 0.4]]), labels=np.array([1, 0]))
LABELS = Answer(Exposure.LABEL, labels=np.array([1, -1, 0]))
VALUES = Answer(Exposure.VALUE, values=np.array([0.5, np.nan]))


def test_which_rows_are_answered_and_which_carry_scores():
    assert answered(SCORES).all() and scored(SCORES).all()
    assert answered(LABELS).tolist() == [True, False, True] and not scored(LABELS).any()
    assert answered(VALUES).tolist() == [True, False] and not scored(VALUES).any()
    assert answered(Answer(Exposure.NONE)).size == 0 and length(Answer(Exposure.NONE)) == 0
    only_scores = Answer(Exposure.PROBABILITIES, scores=np.array([[np.nan, np.nan], [0.5, 0.5]]))
    assert answered(only_scores).tolist() == [False, True]


def test_answers_of_different_exposure_are_joined():
    both = join([LABELS, SCORES])
    assert both.kind is Exposure.PROBABILITIES and length(both) == 5
    assert both.labels.tolist() == [1, -1, 0, 1, 0]
    assert scored(both).tolist() == [False] * 3 + [True] * 2


@given(st.lists(st.integers(0, 4), max_size=8), st.lists(st.booleans(), min_size=5, max_size=5))
def test_taking_then_joining_is_taking_at_once(index, mask):
    whole = join([LABELS, SCORES])
    for rows in (np.array(index, int), np.array(mask)):
        parts = [take(whole, rows), take(whole, rows)]
        twice = join(parts)
        assert length(twice) == 2 * length(parts[0])
        assert np.array_equal(twice.labels[: length(parts[0])], whole.labels[rows])


def test_inputs_of_both_kinds():
    x = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    assert take_inputs(x, np.array([2, 0])).shape == (2, 2, 2)
    assert take_inputs(["a", "b", "c"], np.array([True, False, True])) == ["a", "c"]
    assert join_inputs([["a"], ["b", "c"]]) == ["a", "b", "c"]
    assert join_inputs([x, x]).shape == (6, 2, 2) and join_inputs([]).shape == (0, 0)
