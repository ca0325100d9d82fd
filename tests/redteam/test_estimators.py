import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from wellhead.core.errors import BadAnswer, ConfigError
from wellhead.core.exposure import Exposure
from wellhead.redteam.estimators import columns, open_object

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype(np.float32)
NAMES = np.array(["b", "a", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]


def test_classes_are_in_the_order_of_the_estimator():
    model = LogisticRegression().fit(X, NAMES)
    opened = open_object(model, "m")
    answer = opened.model(X)
    assert opened.classes == ("a", "b", "c") and opened.shape == (4,)
    assert answer.kind is Exposure.PROBABILITIES
    assert np.array_equal(answer.scores, model.predict_proba(X.astype(float)))
    assert opened.versions[0].startswith("scikit-learn ")


def test_labels_alone_become_indices():
    class Only:
        classes_ = np.array(["a", "b", "c"])

        def predict(self, x):
            return np.array(["c", "a"])

    answer = open_object(Only(), "m").model(X[:2])
    assert answer.kind is Exposure.LABEL and answer.labels.tolist() == [2, 0]


def test_decision_values_are_logits_and_two_classes_have_two_columns():
    three = open_object(LinearSVC().fit(X, NAMES), "m").model(X)
    two = open_object(LinearSVC().fit(X, NAMES == "a"), "m").model(X)
    assert three.kind is two.kind is Exposure.LOGITS
    assert three.scores.shape == (200, 3) and two.scores.shape == (200, 2)


def test_regressors_tell_values():
    model = Ridge().fit(X, X[:, 0])
    assert np.allclose(open_object(model, "m").model(X).values, model.predict(X.astype(float)))


def test_pictures_are_flattened_and_float64_questions_stay_exact():
    model = RandomForestClassifier(5, random_state=0).fit(X, NAMES)
    assert open_object(model, "m").model(X.reshape(200, 2, 2)).scores.shape == (200, 3)
    linear = LogisticRegression().fit(X, NAMES)
    fine = X.astype(np.float64) + 1e-12
    assert np.array_equal(open_object(linear, "m").model(fine).scores, linear.predict_proba(fine))


def test_functions_answer_themselves_and_classes_do_not():
    assert open_object(len, "m").model([1, 2]) == 2
    for wrong in (3, dict, "text"):
        with pytest.raises(ConfigError, match="expected a model at m"):
            open_object(wrong, "m")


def test_one_column_of_probabilities_is_two():
    assert columns(np.array([0.25])).tolist() == [[0.75, 0.25]]
    assert columns(np.array([[0.25]])).tolist() == [[0.75, 0.25]]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("objective", "y", "kind", "width"),
    [
        ("binary:logistic", (NAMES == "a").astype(int), Exposure.PROBABILITIES, 2),
        ("multi:softprob", (X[:, 0] > 0) * 1 + (X[:, 1] > 0), Exposure.PROBABILITIES, 3),
        ("multi:softmax", (X[:, 0] > 0) * 1 + (X[:, 1] > 0), Exposure.LABEL, 0),
        ("binary:logitraw", (NAMES == "a").astype(int), Exposure.LOGITS, 2),
        ("reg:squarederror", X[:, 0], Exposure.VALUE, 0),
    ],
)
def test_xgboost_boosters(objective, y, kind, width):
    xgboost = pytest.importorskip("xgboost")
    settings = {"objective": objective, "nthread": 1} | ({"num_class": 3} if "multi" in objective else {})
    booster = xgboost.train(settings, xgboost.DMatrix(X, y), num_boost_round=3)
    opened = open_object(booster, "m")
    answer = opened.model(X)
    assert answer.kind is kind and opened.shape == (4,)
    if width:
        assert answer.scores.shape == (200, width)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("objective", "kind"), [("binary", Exposure.PROBABILITIES), ("regression", Exposure.VALUE)])
def test_lightgbm_boosters(objective, kind):
    lightgbm = pytest.importorskip("lightgbm")
    settings = {"objective": objective, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(X, NAMES == "a"), 3)
    opened = open_object(booster, "m")
    assert opened.model(X).kind is kind and opened.shape == (4,)


@pytest.mark.filterwarnings("ignore")
def test_xgboost_and_lightgbm_estimators():
    for package, name in (("xgboost", "XGBClassifier"), ("lightgbm", "LGBMClassifier")):
        kind = getattr(pytest.importorskip(package), name)
        settings = {"verbose": -1} if package == "lightgbm" else {}
        model = kind(n_estimators=3, n_jobs=1, **settings).fit(X, (NAMES == "a").astype(int))
        assert open_object(model, "m").model(X).scores.shape == (200, 2)


def test_a_function_that_answers_with_words_names_them():
    def model(inputs):
        return ["dog" if x > 0 else "cat" for x in inputs[:, 0]]

    model.classes = ("cat", "dog")
    opened = open_object(model, "model")
    assert opened.classes == ("cat", "dog")
    for sign in (1, -1):  # whichever comes first
        assert opened.model(sign * np.array([[1.0], [-1.0]])).tolist() == ([1, 0] if sign > 0 else [0, 1])
    model.classes = ("cat", "emu")
    with pytest.raises(BadAnswer, match="among cat, emu, got 'dog'"):
        open_object(model, "model").model(np.ones((1, 1)))
