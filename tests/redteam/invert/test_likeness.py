import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.redteam.attack import Inversion
from wellhead.redteam.invert.likeness import correlation, likenesses, recognised, similarity, ssim


def slow_ssim(a, b, width):
    found = []
    for i in range(a.shape[0] - 6):
        for j in range(a.shape[1] - 6):
            x, y = a[i : i + 7, j : j + 7].ravel(), b[i : i + 7, j : j + 7].ravel()
            c1, c2, both = (0.01 * width) ** 2, (0.03 * width) ** 2, np.cov(x, y)
            bright = (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)
            found.append(bright * (2 * both[0, 1] + c2) / (both[0, 0] + both[1, 1] + c2))
    return np.mean(found)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(7, 12), st.integers(7, 12), st.sampled_from([0.3, 1.0, 255.0]))
def test_ssim_is_what_the_paper_says(seed, height, width, span):
    a, b = np.random.default_rng(seed).uniform(0, span, (2, 3, height, width))
    b = 0.5 * a + 0.5 * b
    assert np.allclose(ssim(a, b, span), [slow_ssim(x, y, span) for x, y in zip(a, b, strict=True)])
    assert np.allclose(ssim(a, a, span), 1)


def test_pictures_that_cannot_be_compared_are_refused():
    with pytest.raises(ConfigError, match="7 pixels"):
        ssim(np.zeros((1, 6, 9)), np.zeros((1, 6, 9)), 1.0)
    with pytest.raises(ConfigError, match="equal"):
        ssim(np.zeros((1, 8, 9)), np.zeros((1, 9, 8)), 1.0)


def test_what_is_no_picture_is_correlated():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4, 30))
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    assert np.allclose(correlation(a, b), expected) and np.allclose(similarity(a, b, (30,), 1.0), expected)
    assert correlation(np.ones((1, 5)), a[:1, :5]).tolist() == [0.0]


def test_each_class_stands_beside_its_mean():
    inputs = np.stack([np.full((8, 8), 0.2), np.full((8, 8), 0.4), np.eye(8)]).astype(np.float32)
    made = np.stack([np.full((8, 8), 0.3), np.eye(8), np.zeros((8, 8))]).astype(np.float32)
    inversion = Inversion(inputs=made, classes=np.array([0, 1, 2]), confidence=np.array([0.9, np.nan, 0.5]))
    first, second, third = likenesses(inversion, (8, 8), inputs, np.array([0, 0, 1]), ("zero", "one"))
    assert (first.name, second.name, third.name) == ("zero", "one", "2")
    assert first.similarity == pytest.approx(1, abs=1e-6) == second.similarity and np.allclose(first.beside, 0.3)
    assert (second.confidence, third.confidence) == (-1.0, 0.5)
    assert third.beside == () and third.similarity == -1.0 and len(third.pixels) == 64
    assert likenesses(inversion, (8, 8), inputs, None)[0].beside == ()


def test_a_judge_says_how_many_it_recognises():
    inversion = Inversion(inputs=np.arange(4.0)[:, None], classes=np.array([0, 1, 2, 0]), confidence=np.ones(4))
    share, interval = recognised(lambda x: x[:, 0].astype(int), inversion)
    assert share == 0.75 and interval.low < 0.75 < interval.high
    empty = Inversion(inputs=np.zeros((0, 1)), classes=np.zeros(0, int), confidence=np.zeros(0))
    assert recognised(lambda x: x[:, 0], empty) == (0.0, (0.0, 1.0))
