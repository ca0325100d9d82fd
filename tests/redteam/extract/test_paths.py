import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from wellhead.core.errors import Unsuited
from wellhead.redteam.extract.paths import Paths, richness
from wellhead.redteam.known import Known
from wellhead.redteam.oracle import InProcess
from wellhead.redteam.run import finish, run
from wellhead.testing.attacks import check_attack

X, Y = load_wine(return_X_y=True)
TREE = DecisionTreeClassifier(random_state=0).fit(X, Y)
UNIFORM = np.random.default_rng(3).uniform(X.min(axis=0), X.max(axis=0), (5000, X.shape[1]))


def known(x=X, rows=5000, **more):
    return Known(rows=rows, shape=(x.shape[1],), low=x.min(axis=0), high=x.max(axis=0), **more)


def stolen(model, seed=0, **settings):
    return finish(run(Paths.suit(known(**settings)), InProcess(model), seed=seed))


def test_it_keeps_the_contract():
    check_attack(Paths.suit(known(rows=600)), TREE.predict_proba)


def test_leaves_that_answer_for_themselves_are_all_found():
    # The paper's search takes 799 questions on this tree and bisects to a thousandth only.
    last = stolen(lambda x: TREE.apply(np.asarray(x)).astype(float), task="regressor")
    assert np.array_equal(last.result.clone.predict(X), TREE.apply(X))
    assert (last.result.clone.predict(UNIFORM) == TREE.apply(UNIFORM)).mean() > 0.9999
    assert last.spent.rows < 1600 and last.spent.calls < 150 and last.state == "ok"


@pytest.mark.parametrize("model", [TREE.predict_proba, TREE.predict], ids=["probabilities", "labels"])
def test_leaves_that_answer_alike_are_told_apart(model):
    # The paper's search, which takes equal answers for one leaf, agrees on .78 and .95 here.
    last = stolen(model)
    clone = last.result.clone
    assert (clone.predict(X) == TREE.predict(X)).mean() >= 0.99
    assert (clone.predict(UNIFORM) == TREE.predict(UNIFORM)).mean() >= 0.99
    assert "100 of 100 fresh points agreed" in last.result.detail


def test_a_pool_finds_the_small_leaves_among_the_data():
    x, y = load_breast_cancer(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0).fit(x, y)
    last = stolen(tree.predict_proba, x=x, rows=5000, pool=x)
    assert (last.result.clone.predict(x) == tree.predict(x)).mean() >= 0.99 and last.spent.rows <= 5000


def test_a_regression_tree_is_copied_to_its_values():
    tree = DecisionTreeRegressor(max_depth=5, random_state=0).fit(X[:, :6], X[:, 12])
    last = stolen(tree.predict, x=X[:, :6], task="regressor")
    points = UNIFORM[:, :6]
    assert (last.result.clone.predict(points) == tree.predict(points)).mean() > 0.999


def test_categories_are_asked_one_by_one():
    rng = np.random.default_rng(0)
    arities = np.array([4, 0, 3])

    def model(x):
        return np.where(x[:, 0] == 2, 5.0, np.where(x[:, 2] == 1, np.where(x[:, 1] > 0.25, 1.0, 2.0), 3.0))

    low, high = np.zeros(3), np.array([3.0, 1.0, 2.0])
    attack = Paths.suit(Known(rows=400, task="regressor", shape=(3,), low=low, high=high, arities=arities))
    last = finish(run(attack, InProcess(model)))
    points = np.column_stack([rng.integers(4, size=999), rng.random(999), rng.integers(3, size=999)])
    assert np.array_equal(last.result.clone.predict(points), model(points)) and last.spent.rows < 300


def test_a_tree_that_takes_missing_values_is_read_from_its_root():
    inner = TREE.tree_

    def model(x):
        node = np.zeros(len(x), int)
        for _ in range(inner.max_depth):
            value = np.asarray(x)[np.arange(len(x)), np.maximum(inner.feature[node], 0)]
            below = np.where(value <= inner.threshold[node], inner.children_left[node], inner.children_right[node])
            node = np.where((inner.feature[node] < 0) | np.isnan(value), node, below)
        return inner.value[node, 0]

    last = stolen(model, missing=True)
    assert (last.result.clone.predict(UNIFORM) == TREE.predict(UNIFORM)).mean() > 0.999
    assert last.spent.rows < 800 and not np.isnan(last.result.inputs).any()
    # Told that missing values are welcome where they are not, it notices and searches as usual.
    last = stolen(lambda x: TREE.predict_proba(np.nan_to_num(x)), missing=True)
    assert (last.result.clone.predict(UNIFORM) == TREE.predict(UNIFORM)).mean() >= 0.99


def test_smooth_models_and_ensembles_are_left_to_others_at_little_cost():
    smooth = LogisticRegression(max_iter=200).fit(X / X.max(axis=0), Y)
    last = stolen(lambda x: smooth.predict_proba(x / X.max(axis=0)))
    assert last.result.clone is None and "small move" in last.result.detail and last.spent.rows <= 220
    forest = RandomForestClassifier(100, random_state=0).fit(X, Y)
    last = stolen(forest.predict_proba)
    assert last.result.clone is None and "ensemble" in last.result.detail and last.spent.rows <= 220
    small = RandomForestClassifier(30, random_state=0).fit(X, Y)
    last = stolen(small.predict_proba)
    assert "ensemble" in last.result.detail and last.spent.rows < 4500


def test_a_small_budget_is_kept():
    last = stolen(TREE.predict_proba, rows=150)
    assert last.spent.rows <= 150 and last.result.clone is not None


@pytest.mark.parametrize("wrong", [{"rows": 50}, {"shape": ()}, {"low": np.zeros(3)}])
def test_targets_that_do_not_fit_are_refused(wrong):
    fits = {"rows": 500, "shape": (2,), "low": np.zeros(2), "high": np.ones(2)}
    with pytest.raises(Unsuited):
        Paths.suit(Known(**{**fits, **wrong}))


def test_richness_is_what_was_seen_and_more_where_much_was_seen_once():
    assert richness(np.array([0, 0, 1, 1, -1])) == 2
    assert richness(np.arange(10)) == 10 + 45
