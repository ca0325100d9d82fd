import numpy as np
import pytest

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Extraction
from wellhead.redteam.grade import Judges, exactness, grade, judges_of, learners_for, perceptron
from wellhead.redteam.oracle import as_answer


@pytest.fixture
def judges(softmax, pool):
    return Judges(pool[:200], as_answer(softmax(pool[:200])))


class Exactly:
    def __init__(self, model, off=0.0):
        self.model, self.off = model, off

    def predict_proba(self, x):
        return self.model(x) + np.array([self.off, -self.off, 0])

    def predict(self, x):
        return self.predict_proba(x).argmax(axis=1)


def test_marks_rise_with_the_rows_and_end_at_all(softmax, pool, judges):
    asked = pool[200:700]
    marks, clone = grade(Extraction(inputs=asked, answer=as_answer(softmax(asked))), judges)
    assert [m.rows for m in marks] == [50, 100, 200, 400, 500]
    assert marks[-1].fidelity > 0.95 and marks[-1].low < marks[-1].fidelity < 1.0001
    assert 0 <= marks[-1].distance < 0.1 and marks[-1].told == "scores"
    assert (clone.predict(pool) == softmax(pool).argmax(axis=1)).mean() > 0.9


def test_an_exact_clone_is_one_mark_and_its_error_is_told(softmax, pool, judges):
    asked = pool[200:210]
    found = Extraction(inputs=asked, answer=as_answer(softmax(asked)), clone=Exactly(softmax, 1e-9))
    marks, clone = grade(found, judges)
    assert [(m.rows, m.fidelity, m.learner) for m in marks] == [(10, 1.0, "its own")]
    exact = exactness(clone, judges)
    assert exact.error == pytest.approx(1e-9, rel=1e-3) and (exact.points, exact.bound) == (200, 3 / 200)
    assert exactness(Exactly(softmax, 0.01), judges) is None and exactness(None, judges) is None


def test_labels_give_no_distance_and_no_exactness(softmax, pool, judges):
    labels = Answer(Exposure.LABEL, labels=softmax(pool[:200]).argmax(axis=1))
    only = Judges(pool[:200], labels)
    asked = pool[200:400]
    marks, _ = grade(Extraction(inputs=asked, answer=as_answer(softmax(asked).argmax(axis=1))), only)
    assert marks[-1].distance == -1 and marks[-1].told == "labels"
    assert exactness(Exactly(softmax), only) is None


def test_an_exact_regressor(pool):
    truth = Answer(Exposure.VALUE, values=pool[:50].sum(axis=1).astype(float))

    class Sum:
        def predict(self, x):
            return x.sum(axis=1)

    assert exactness(Sum(), Judges(pool[:50], truth)).error < 1e-5


def test_nothing_answered_is_no_mark(pool, judges):
    empty = Answer(Exposure.NONE, labels=np.full(3, -1))
    assert grade(Extraction(inputs=pool[:3], answer=empty), judges) == ((), None)


def test_uniform_judges_are_kept_where_answered(softmax, pool):
    truth = as_answer(softmax(pool[:4]))
    assert judges_of(pool[:4], truth, pool[4:6], as_answer(softmax(pool[4:6]))).spread.shape == (2, 4)
    assert judges_of(pool[:4], truth, pool[:0], Answer(Exposure.NONE)).spread is None


def test_learners_that_scale():
    assert list(learners_for(10_000, 10)) == ["perceptron"]
    assert list(learners_for(1, 10)) == ["logistic"]
    assert "gradient_boosting" in learners_for(2, 100) and "gradient_boosting" not in learners_for(10, 100)
    assert "perceptron" not in learners_for(2, 10, text=True)


def test_a_network_learns_from_features_of_like_ranges_too():
    """Inputs that are not centred hide half of what can be learnt where every feature swings as widely."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(3.0, 1.0, (800, 12)).astype(np.float32)
    hidden = np.maximum((inputs - 3.0) @ rng.normal(size=(12, 16)), 0) @ rng.normal(size=(16, 6))
    told = np.exp(hidden - hidden.max(axis=1, keepdims=True))
    told /= told.sum(axis=1, keepdims=True)
    clone = perceptron(inputs[:500], told[:500], 0)
    assert (clone.predict(inputs[500:]) == told[500:].argmax(axis=1)).mean() > 0.75
