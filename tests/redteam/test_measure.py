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
    Fidelity,
    Point,
    above_chance,
    area,
    best_clone,
    budgets,
    curve,
    fidelity,
    queries_to,
    r_squared,
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


def test_agreement_above_chance_and_area():
    assert above_chance(0.9, 0.5) == pytest.approx(0.8) and above_chance(0.5, 0.5) == 0 and above_chance(1, 1) == 0
    assert area([(400, 1.0), (100, 0.5), (200, 0.7)]) == pytest.approx((0.6 + 0.85) / 2)
    assert area([(100, 0.5)]) == 0.5
