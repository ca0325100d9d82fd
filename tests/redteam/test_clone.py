import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.clone import Classes, Constant, Numbers, Scale, Shares, load_sklearn, matrix, softmax


class Estimator:
    """Gives back its features."""

    classes_ = np.array([0, 3])

    def predict(self, x):
        return x[:, 0]

    def predict_proba(self, x):
        return x


X = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)


def test_pixels_keep_their_proportions_and_other_features_are_standardised():
    pixels = np.array([[0.0, 0, 250], [0, 1, 0], [0, 200, 128]])
    assert np.allclose(Scale.fit(pixels).prepare(pixels), pixels / 250)
    centred = Scale.fit(pixels, centred=True).prepare(pixels)
    assert np.allclose(centred.mean(axis=0), 0) and np.allclose(np.ptp(centred, axis=0), np.ptp(pixels, axis=0) / 125)
    mixed = np.array([[1.0, 1e6, 3], [2.0, 3e6, 3], [3.0, 2e6, 3]])
    scaled = Scale.fit(mixed).prepare(mixed)
    assert np.allclose(scaled.mean(axis=0), 0) and np.allclose(scaled.std(axis=0), [1, 1, 0])


def test_matrix_flattens():
    assert matrix(np.zeros((3, 2, 4), np.float32)).shape == (3, 8)
    assert matrix(["a", "b"]).shape[0] == 2


def test_columns_go_back_to_the_classes_of_the_model():
    clone = Classes(Estimator(), matrix, 5)
    assert clone.predict_proba(X).tolist() == [[0.25, 0, 0, 0.75, 0], [0.5, 0, 0, 0.5, 0]]
    assert clone.predict(X).tolist() == [3, 0]


def test_values_go_back_to_the_unit_of_the_model():
    assert Numbers(Estimator(), matrix, 100.0, 4.0).predict(X).tolist() == [101.0, 102.0]


def test_shares_are_told_as_they_are():
    class Both(Estimator):
        def predict(self, x):
            return x

    clone = Shares(Both(), matrix)
    assert clone.predict(X).tolist() == [1, 0] and clone.predict_proba(X).tolist() == X.tolist()


def test_a_constant_says_one_thing():
    assert Constant(2, 3).predict_proba(X).tolist() == [[0, 0, 1]] * 2
    assert Constant(2.5, 0).predict(X).tolist() == [2.5, 2.5]


def test_softmax_does_not_overflow():
    assert np.allclose(softmax(np.array([[1e4, 1e4], [-1e4, 1e4]])), [[0.5, 0.5], [0, 1]])


def test_nothing_has_no_scale():
    with pytest.raises(ConfigError, match="got none"):
        Scale.fit(matrix(X[:0]))


def test_scikit_learn_is_loaded_by_module():
    assert hasattr(load_sklearn("linear_model"), "Ridge")
