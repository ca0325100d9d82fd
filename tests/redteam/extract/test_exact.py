import numpy as np
import pytest

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.exact import Notes, Silence, linked, noise_of

LOW, HIGH = np.array([0.0, 5.0, -1.0]), np.array([2.0, 5.0, 1.0])


def test_linked_undoes_the_softmax_and_drops_what_is_saturated():
    logits = np.array([[0.0, 1, 2], [3, 3, 3]])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(linked(Answer(Exposure.PROBABILITIES, scores=p)), [[1, 2], [0, 0]])
    assert np.isnan(linked(Answer(Exposure.PROBABILITIES, scores=np.array([[1.0, 0, 0]])))).any()
    assert linked(Answer(Exposure.VALUE, values=np.array([1.5]))) == [[1.5]]
    assert np.isnan(linked(Answer(Exposure.LABEL, labels=np.array([1, 2])))).all()


def test_only_two_classes_are_noisy_near_certainty():
    told = Answer(Exposure.PROBABILITIES, scores=np.array([[1e-9, 1 - 1e-9]]))
    assert noise_of(told) == pytest.approx(np.finfo(float).eps / 1e-9)
    assert not noise_of(Answer(Exposure.LOGITS, scores=np.array([[1.0, 2]]))).any()


def test_points_become_inputs_and_back_and_weights_follow():
    notes = Notes(LOW, HIGH, (3,), 100)
    points = np.array([[0.5, -1.0], [1, 1]])
    inputs = notes.inputs(points)
    assert np.allclose(inputs, [[1.5, 5, -1], [2, 5, 1]]) and np.allclose(notes.unit(inputs), points)
    slope, offset = notes.outward(np.array([[2.0, 3]]), np.array([1.0]))
    assert np.allclose(inputs @ slope.T + offset, points @ [[2.0], [3]] + 1)


def test_more_rows_than_are_left_or_no_answers_are_silence():
    with pytest.raises(Silence):
        next(Notes(LOW, HIGH, (3,), 1).ask(np.zeros((2, 2))))
    talk = Notes(LOW, HIGH, (3,), 9).ask(np.zeros((2, 2)))
    next(talk)
    with pytest.raises(Silence):
        talk.send(Answer(Exposure.NONE, labels=np.array([-1, -1])))


def test_drawn_points_stay_in_the_box_and_take_some_from_the_pool():
    pool = np.tile([[2.0, 5, 1]], (50, 1))
    points = Notes(LOW, HIGH, (3,), 9).drawn(40, pool, np.random.default_rng(0))
    assert points.shape == (40, 2) and np.abs(points).max() <= 1 and (points == 1).all(axis=1).sum() == 10
