import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.equation import Equation
from wellhead.redteam.extract.likeliest import one_versus_rest
from wellhead.redteam.http import Http
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack


def scores(inputs, classes, seed=0, size=1.0):
    rng = np.random.default_rng(seed)
    x = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
    return x @ (size * rng.normal(size=(x.shape[1], classes))) + rng.normal(size=classes)


def regression(classes, seed=0, size=1.0):
    def answer(inputs):
        powers = np.exp(scores(inputs, classes, seed, size))
        return powers / powers.sum(axis=1, keepdims=True)

    return answer


def attack(features, **settings):
    return Equation(**{"low": -np.ones(features), "high": np.ones(features), "shape": (features,), **settings})


def fresh(features, n=1000):
    return np.random.default_rng(9).uniform(-1, 1, (n, features))


@pytest.mark.parametrize(("features", "classes"), [(1, 2), (4, 3), (30, 2), (64, 10)])
def test_softmax_regressions_are_solved_with_as_many_queries_as_unknowns_of_a_class(features, classes):
    model = regression(classes)
    last = finish(run(attack(features), InProcess(model)))
    clone = last.result.clone
    assert last.spent.rows == features + 6 and last.spent.calls == 2 and "exact to float64" in last.result.detail
    assert np.abs(clone.predict_proba(fresh(features)) - model(fresh(features))).max() < 1e-9
    assert np.array_equal(clone.predict(fresh(features)), model(fresh(features)).argmax(axis=1))


def test_weights_are_canonical():
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(5, 3)), rng.normal(size=3)
    clone = finish(run(attack(5), InProcess(regression(3)))).result.clone
    assert np.allclose(clone.weights, weights - weights[:, :1]) and np.allclose(clone.bias, bias - bias[0])
    assert not clone.weights[:, 0].any()


def test_saturated_answers_are_asked_again_nearer_the_middle():
    model = regression(2, size=60.0)
    last = finish(run(attack(8), InProcess(model)))
    assert "exact" in last.result.detail and last.spent.rows < 60
    assert np.mean(last.result.clone.predict(fresh(8)) == model(fresh(8)).argmax(axis=1)) == 1


def test_one_versus_rest_is_solved_by_its_own_formula():
    def model(inputs):
        return one_versus_rest(scores(inputs, 4))

    last = finish(run(attack(6), InProcess(model)))
    assert "one_versus_rest" in last.result.detail and last.spent.rows <= 2 * 7 + 5
    assert np.abs(last.result.clone.predict_proba(fresh(6)) - model(fresh(6))).max() < 1e-8


def test_logits_and_regressors():
    last = finish(run(attack(6), InProcess(lambda x: Answer(Exposure.LOGITS, scores=scores(x, 3)))))
    assert np.allclose(last.result.clone.scores(fresh(6)), scores(fresh(6), 3))
    last = finish(run(attack(6), InProcess(lambda x: scores(x, 1)[:, 0])))
    assert np.allclose(last.result.clone.predict(fresh(6)), scores(fresh(6), 1)[:, 0])


def test_float32_answers_are_solved_to_float32():
    model = regression(5)
    last = finish(run(attack(20), InProcess(lambda x: model(x).astype(np.float32))))
    assert "float32" in last.result.detail
    assert np.abs(last.result.clone.predict_proba(fresh(20)) - model(fresh(20))).max() < 1e-5


@pytest.mark.parametrize(("decimals", "floor"), [(5, 0.998), (3, 0.99), (2, 0.97)])
def test_rounded_answers_are_solved_approximately(decimals, floor):
    model = regression(3)
    pool = fresh(6, 500).astype(np.float32)
    last = finish(run(attack(6, pool=pool, rows=2000), InProcess(lambda x: model(x).round(decimals))))
    same = np.mean(last.result.clone.predict(fresh(6)) == model(fresh(6)).argmax(axis=1))
    assert same >= floor and f"rounded to {decimals} decimals" in last.result.detail


@pytest.mark.parametrize(
    ("model", "most"),
    [
        (lambda x: np.sin(3 * x).sum(axis=1), 5),
        (lambda x: np.stack([0.5 + 0.4 * np.sin(3 * x[:, 0]), 0.5 - 0.4 * np.sin(3 * x[:, 0])], axis=1), 5),
        (lambda x: (np.abs(np.sin(3 * x[:, :3])) + 0.1) / (np.abs(np.sin(3 * x[:, :3])) + 0.1).sum(1)[:, None], 20),
        (lambda x: np.eye(3)[np.floor(40 * x.sum(axis=1)).astype(int) % 3] * 0.7 + 0.1, 40),
    ],
)
def test_what_is_not_log_linear_is_told_early(model, most):
    last = finish(run(attack(5), InProcess(model)))
    assert last.result.clone is None and "not log-linear" in last.result.detail and last.spent.rows <= most


def test_a_small_budget_is_not_eaten_where_the_model_does_not_fit():
    rng = np.random.default_rng(0)
    leaves = rng.dirichlet(np.ones(4), 4096)

    def forest(inputs):
        return leaves[(np.asarray(inputs)[:, :12] > 0) @ 2 ** np.arange(12)]

    def trunk(inputs):
        return leaves[(np.asarray(inputs)[:, 0] > 0).astype(int)]

    for model, said in ((forest, "would take 134 queries"), (trunk, "different inputs have equal answers")):
        last = finish(run(attack(64, rows=130), InProcess(model)))
        assert last.spent.rows == 5 and last.result.clone is None and said in last.result.detail


def test_rounded_answers_that_do_not_fit_leave_three_quarters():
    leaves = np.round(np.random.default_rng(0).dirichlet(np.ones(4), 4096), 2)
    last = finish(
        run(
            attack(30, rows=300),
            InProcess(lambda x: leaves[(np.asarray(x)[:, :12] > 0) @ 2 ** np.arange(12)]),
        )
    )
    assert last.spent.rows <= 5 + 75 and last.result.clone is None


def test_it_keeps_to_the_box_of_images():
    low, high = np.array([0, 0, 5, -1.0]), np.array([1, 0, 9, 1.0])
    result = finish(run(Equation(low=low, high=high, shape=(2, 2)), InProcess(regression(3)))).result
    asked = result.inputs.reshape(-1, 4)
    assert result.inputs.dtype == np.float64 and (asked >= low).all() and (asked <= high).all()
    inside = np.random.default_rng(0).uniform(low, high, (100, 4)).reshape(-1, 2, 2)
    assert np.allclose(result.clone.predict_proba(inside), regression(3)(inside))


def test_it_works_over_a_socket_with_json(server, wording, softmax):
    last = finish(run(attack(4), Http(server.url, wording)))
    assert last.spent.rows == server.rows_answered == 10 and last.spent.calls == server.requests == 2
    assert np.abs(last.result.clone.predict_proba(fresh(4)) - softmax(fresh(4))).max() < 1e-12


def test_suit_names_what_does_not_fit():
    fits = {"shape": (4,), "low": -np.ones(4), "high": np.ones(4)}
    assert Equation.suit(Known(**fits, decimals=3)).rows == 2000
    for wrong in ({"exposure": Exposure.TOP_K}, {"rows": 5}, {"shape": ()}, {"arities": np.array([0, 3, 0, 0])}):
        with pytest.raises(Unsuited):
            Equation.suit(Known(**{**fits, **wrong}))


def test_the_contract():
    check_attack(attack(4), regression(3))
