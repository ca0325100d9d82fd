import numpy as np
import pytest

from wellhead.redteam import curves
from wellhead.redteam.curves import Curves, thieves_learners
from wellhead.redteam.grade import Judges
from wellhead.redteam.oracle import as_answer


@pytest.fixture
def judged(softmax, pool):
    held = pool[1000:1200]
    truth = as_answer(softmax(held))
    return Curves(Judges(held, truth), truth.top1, 3)


def test_points_double_and_the_last_is_of_all(judged, softmax, pool):
    told = judged.of(pool[:130], softmax(pool[:130]), 0)
    assert [s.inputs for s in told] == [50, 100, 130]
    assert told[-1].fidelity > 0.9 and told[-1].accuracy == told[-1].fidelity


def test_the_same_answers_are_trained_on_once_and_others_anew(judged, softmax, pool, monkeypatch):
    fits = []
    real = curves.learners_for
    monkeypatch.setattr(curves, "learners_for", lambda *a: fits.append(a) or real(*a))
    labels = softmax(pool[:60]).argmax(axis=1)
    first = judged.of(pool[:60], labels, 0)
    assert judged.of(pool[:60].copy(), labels.copy(), 0) == first and len(fits) == 1
    judged.of(pool[:60], labels, 1)
    judged.of(pool[:60], softmax(pool[:60]), 0)
    assert len(fits) == 3


def test_the_perceptron_centres_its_inputs():
    assert list(thieves_learners(10, 100, False)) == ["mlp", "logistic", "random_forest"]
    assert "mlp" not in thieves_learners(10, 100, True) and list(thieves_learners(1, 9, False)) == ["logistic"]


def test_nothing_told_is_no_clone_and_no_labels_no_accuracy(softmax, pool):
    truth = as_answer(softmax(pool[:50]))
    bare = Curves(Judges(pool[:50], truth), None, 3)
    assert bare.of(pool[:0], np.zeros(0, np.int64), 0) == ()
    assert bare.of(pool[50:110], softmax(pool[50:110]), 0)[-1].accuracy == -1.0
