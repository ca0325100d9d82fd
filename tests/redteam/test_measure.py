import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.attack import Extraction
from wellhead.redteam.learner import Constant, logistic
from wellhead.redteam.measure import (
    Best,
    Elsewhere,
    Fidelity,
    Point,
    above_chance,
    area,
    best_clone,
    budgets,
    curve,
    fidelity,
    marks,
    queries_to,
    r_squared,
    total_variation,
    wilson,
)

X = np.random.default_rng(0).normal(size=(600, 4)).astype(np.float32)


def test_wilson_is_the_published_interval():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I, method 3
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_solves_its_own_equation(hits_n):
    hits, n = hits_n
    for bound in wilson(hits, n):
        assert abs(hits / n - bound) <= 1.96 * np.sqrt(bound * (1 - bound) / n) + 1e-6
        assert 0 <= bound <= 1


def test_fidelity_of_labels():
    truth = Answer(Exposure.LABEL, labels=np.array([1] * 7 + [0] * 3))
    found = fidelity(Constant(1, 2), X[:10], truth)
    assert found == Fidelity(0.7, *wilson(7, 10), 10, 0.7)


def test_fidelity_of_values_is_r_squared_with_an_interval_around_it():
    values = X[:, 0] * 3.0
    clone = type("Clone", (), {"predict": lambda self, inputs: inputs[:, 0] * 3.0 + 0.5})()
    found = fidelity(clone, X, Answer(Exposure.VALUE, values=values))
    assert found.value == pytest.approx(1 - 0.25 / values.var())
    assert found.low < found.value < found.high < 1
    assert r_squared(np.ones(3), np.zeros(3)) == 0.0


def test_fidelity_needs_truth():
    for n, truth in ((0, Answer(Exposure.LABEL, labels=np.zeros(0, int))), (3, Answer(Exposure.LABEL))):
        with pytest.raises(ConfigError):
            fidelity(Constant(0, 2), X[:n], truth)


def model(inputs):
    powers = np.exp(inputs @ np.random.default_rng(7).normal(size=(4, 3)))
    return powers / powers.sum(axis=1, keepdims=True)


TRUTH = Answer(Exposure.PROBABILITIES, scores=model(X[300:]))


def test_the_best_clone_uses_scores_and_ignores_the_unanswered():
    told = Answer(Exposure.PROBABILITIES, scores=model(X[:100]), labels=model(X[:100]).argmax(axis=1))
    told.scores[50:], told.labels[50:] = np.nan, -1
    best = best_clone(X[:100], told, X[300:], TRUTH, learners={"logistic": logistic})
    assert (best.learner, best.told) == ("logistic", "scores") and best.fidelity.value > 0.95
    alone = logistic(X[:50], model(X[:50]), 0)
    assert np.array_equal(best.clone.predict(X), alone.predict(X))


def test_scores_that_mislead_do_not_hide_what_the_labels_give():
    scores = model(X[:200])
    labels = scores.argmax(axis=1)
    misleading = Answer(Exposure.PROBABILITIES, scores=scores[::-1].copy(), labels=labels)
    best = best_clone(X[:200], misleading, X[300:], TRUTH, learners={"logistic": logistic})
    assert best.told == "labels" and best.fidelity.value > 0.9


def test_nothing_answered_is_no_clone():
    with pytest.raises(ConfigError, match="got none"):
        best_clone(X[:2], Answer(Exposure.NONE, labels=np.array([-1, -1])), X[300:], TRUTH)


def test_the_curve_rises_and_ends_with_all_rows():
    extraction = Extraction(inputs=X[:300], answer=Answer(Exposure.LABEL, labels=model(X[:300]).argmax(axis=1)))
    points = curve(extraction, X[300:], TRUTH, at=(10, 100, 300), learners={"logistic": logistic})
    assert [p.rows for p in points] == [10, 100, 300]
    assert points[0].best.fidelity.value < points[2].best.fidelity.value


def test_budgets_double():
    assert budgets(400) == [50, 100, 200, 400]
    assert budgets(401) == [50, 100, 200, 400, 401]
    assert budgets(30) == [30] and budgets(0) == []


def test_queries_to_is_where_the_curve_stays_above():
    def point(rows, value):
        return Point(rows, Best(Constant(0, 2), "", "", Fidelity(value, 0, 1, 10, 0.5)))

    points = [point(50, 0.91), point(100, 0.85), point(200, 0.9), point(400, 0.97)]
    assert queries_to(points, 0.9) == 200 and queries_to(points, 0.95) == 400 and queries_to(points, 0.99) is None


def test_marks_are_means_over_seeds():
    extraction = Extraction(inputs=X[:300], answer=Answer(Exposure.PROBABILITIES, scores=model(X[:300])))
    far = X[300:] * 5
    found = marks(
        extraction, X[300:], TRUTH, (20, 300), (0, 1), Elsewhere(far, Answer(Exposure.PROBABILITIES, model(far)))
    )
    assert [m.rows for m in found] == [20, 300] and found[0].fidelity < found[1].fidelity > 0.97
    last = found[1]
    assert last.told == "scores" and last.low < last.fidelity < last.high and last.spread < 0.02
    assert last.elsewhere > 0.97 and 0 < last.distance < found[0].distance < 1


def test_marks_know_the_attacks_own_clone():
    class Own:
        def predict(self, inputs):
            return model(inputs).argmax(axis=1)

    labels = Answer(Exposure.LABEL, labels=model(X[:60]).argmax(axis=1))
    found = marks(Extraction(inputs=X[:60], answer=labels, clone=Own()), X[300:], TRUTH, (30, 60), (0,))
    assert [m.learner == "its own" for m in found] == [False, True]
    assert found[1].fidelity == 1.0 and found[1].distance == -1.0


def test_marks_of_values_and_of_nothing():
    values = Answer(Exposure.VALUE, values=X[:100, 0].astype(float))
    extraction = Extraction(inputs=X[:100], answer=values)
    (found,) = marks(extraction, X[300:], Answer(Exposure.VALUE, values=X[300:, 0].astype(float)), (100,), (0,))
    assert found.fidelity > 0.99 and found.told == "values" and found.distance == -1.0
    nothing = Extraction(inputs=X[:2], answer=Answer(Exposure.NONE, labels=np.array([-1, -1])))
    assert marks(nothing, X[300:], TRUTH) == ()


def test_total_variation_is_exact():
    truth = Answer(Exposure.PROBABILITIES, scores=np.array([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]]))
    assert total_variation(Constant(0, 3), X[:2], truth) == pytest.approx((0.5 + 1) / 2)
    assert total_variation(Constant(0, 1), X[:2], truth) == pytest.approx((0.5 + 1) / 2)
    assert total_variation(Constant(0, 3), X[:2], Answer(Exposure.LABEL, labels=np.zeros(2, int))) == -1


def test_agreement_above_chance_and_area():
    assert above_chance(0.9, 0.5) == pytest.approx(0.8) and above_chance(0.5, 0.5) == 0 and above_chance(1, 1) == 0
    assert area([(400, 1.0), (100, 0.5), (200, 0.7)]) == pytest.approx((0.6 + 0.85) / 2)
    assert area([(100, 0.5)]) == 0.5
