import numpy as np
import pytest
from metering import inputs

from wellhead.core.errors import ProfileError
from wellhead.meter.features import fit_code_map, fit_feature_map, flatten, kind_of


@pytest.mark.parametrize(
    ("sample", "kind"),
    [(np.zeros((3, 2), np.float32), "vector"), (np.zeros((3, 4, 4)), "image"), (["a", "b"], "text")],
)
def test_kinds(sample, kind):
    assert kind_of(sample) == kind


@pytest.mark.parametrize("sample", [np.zeros(3), np.array(["a"]), [], [1, 2]])
def test_what_is_neither_numbers_nor_texts_is_refused(sample):
    with pytest.raises(ProfileError, match="expected"):
        kind_of(sample)


@pytest.mark.parametrize("shape", [(8, 8), (70, 33), (3, 64, 100), (100, 64, 3), (2, 5, 6, 7)])
def test_images_of_any_shape_are_pooled_to_means_of_blocks(shape):
    images = np.full((2, *shape), 0.25, np.float32)
    flat = flatten(images, "image")
    assert flat.shape[1] <= 32 * 32 * 4 and np.allclose(flat, 0.25)


def test_pooling_is_the_mean_of_each_block():
    image = np.random.default_rng(0).random((1, 64, 64)).astype(np.float32)
    assert np.allclose(flatten(image, "image")[0], image.reshape(32, 2, 32, 2).mean(axis=(1, 3)).ravel(), atol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (9, 9), (3, 40, 40)])
def test_codes_keep_distances(shape):
    x = np.random.default_rng(0).normal(size=(80, *shape)).astype(np.float32)
    code_map = fit_code_map(x, 256)
    codes = code_map.code(x)
    assert codes.dtype == np.int8 and codes.shape[1] <= 79
    exact, rounded = code_map.project(x), codes * code_map.step
    assert np.abs(exact - rounded).mean() < 0.02 * exact.std()


def test_numbers_that_are_not_finite_and_constant_columns_do_no_harm():
    x = inputs(50)
    x[:, 2] = 7.0
    code_map = fit_code_map(x, 48)
    x[0, 0], x[1, 1], x[2, 3] = np.nan, np.inf, 1e30
    codes = code_map.code(x)
    assert codes.shape == (50, 5)


@pytest.mark.parametrize("other", [np.zeros((2, 7), np.float32), np.zeros((2, 6, 1), np.float32), ["a"]])
def test_other_shapes_are_refused_with_both_named(other):
    with pytest.raises(ProfileError, match=r"\(6,\)"):
        fit_code_map(inputs(50), 48).code(other)


def slow_features(feature_map, codes):
    rows = [[np.exp(-(((c * feature_map.scale) - mark) ** 2).sum()) for mark in feature_map.landmarks] for c in codes]
    return np.array([[*row, 1.0] for row in rows])


def test_features_are_nearness_to_landmarks_and_a_constant():
    code_map = fit_code_map(inputs(60), 48)
    codes = code_map.code(inputs(60))
    feature_map = fit_feature_map(codes, code_map.step, 1.5, 17, np.random.default_rng(0))
    phi = feature_map.features(codes)
    assert phi.shape == (60, feature_map.dimension) == (60, 17) and phi.dtype == np.float64
    assert np.allclose(phi, slow_features(feature_map, codes), atol=1e-5)


def test_no_more_landmarks_than_distinct_codes():
    codes = np.repeat(np.array([[1, 2], [3, 4]], np.int8), 10, axis=0)
    assert fit_feature_map(codes, np.ones(2), 1.0, 128, np.random.default_rng(0)).dimension == 3


def test_codes_of_another_profile_are_refused():
    code_map = fit_code_map(inputs(60), 48)
    feature_map = fit_feature_map(code_map.code(inputs(60)), code_map.step, 1.5, 9, np.random.default_rng(0))
    with pytest.raises(ProfileError, match="expected codes"):
        feature_map.features(np.zeros((3, 99), np.int8))
