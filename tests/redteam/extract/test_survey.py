import numpy as np
import pytest

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.boxes import Domain, Trusted
from wellhead.redteam.extract.survey import SilentError, Survey


def put(asking, reply):
    """The result of a conversation, and how many rows were asked."""
    rows = 0
    try:
        inputs = next(asking)
        while True:
            rows += len(inputs)
            inputs = asking.send(reply(inputs))
    except StopIteration as stop:
        return stop.value, rows


def halves(inputs):
    return Answer(Exposure.VALUE, values=(np.asarray(inputs)[:, 0] > 0.5).astype(float))


def test_equal_answers_have_equal_ids_and_nothing_is_asked_twice():
    survey, points = Survey((1,), 10), np.array([[0.1], [0.9], [0.1], [0.7]])
    assert put(survey.ask(points), halves) == (pytest.approx([0, 1, 0, 1]), 3)
    assert put(survey.ask(points), halves)[1] == 0 and survey.left == 7
    inputs, answer = survey.asked()
    assert inputs.ravel().tolist() == [0.1, 0.9, 0.7] and answer.values.tolist() == [0.0, 1.0, 1.0]


def test_unanswered_rows_have_no_id_and_silence_ends_it():
    survey = Survey((1,), 10)
    told = Answer(Exposure.LABEL, labels=np.array([-1, 4]))
    ids, _ = put(survey.ask(np.array([[0.0], [1.0]])), lambda _: told)
    assert ids.tolist() == [-1, 0] and survey.columns == 0
    with pytest.raises(SilentError):
        put(survey.ask(np.array([[2.0]])), lambda _: Answer(Exposure.LABEL, labels=np.array([-1])))


def test_no_more_is_asked_than_allowed():
    survey = Survey((1,), 2)
    ids, rows = put(survey.ask(np.linspace(0, 1, 5)[:, None]), halves)
    assert rows == 2 and ids.tolist() == [0, 0, -1, -1, -1]
    with pytest.raises(SilentError):
        put(survey.ask(np.array([[3.0]])), halves)


def test_points_with_missing_features_are_no_evidence():
    survey = Survey((2,), 5)
    put(survey.ask(np.array([[np.nan, 1.0], [1.0, 1.0]])), halves)
    assert survey.rows == 2 and survey.evidence[0].tolist() == [[1.0, 1.0]] and len(survey.asked()[0]) == 1


def test_points_in_trusted_boxes_are_believed_until_the_box_is_dropped():
    survey, domain = Survey((1,), 5), Domain(np.zeros(1), np.ones(1), np.zeros(1, int))
    put(survey.ask(np.array([[0.9]])), halves)
    survey.trusted = Trusted(domain, domain.whole.below(0, 0.4), np.array([7]))
    ids, rows = put(survey.guess(np.array([[0.2], [0.6]])), halves)
    assert rows == 1 and ids.tolist() == [7, 0] and 7 in survey.evidence[1]
    survey.trusted = survey.trusted.drop(np.array([0]))
    assert 7 not in survey.evidence[1]
