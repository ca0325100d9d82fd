import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.redteam import network
from wellhead.redteam.network import Recipe, train


def test_many_at_once_are_the_same_as_one_by_one(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), rng.integers(4, size=60)
    subsets = np.stack([rng.permutation(60) < 30 for _ in range(7)])
    recipe = Recipe(hidden=(8,), epochs=20, batch=16)
    together = train(x, y, recipe, np.random.default_rng(1), subsets)
    monkeypatch.setattr(network, "_groups", lambda k, size: [np.array([i]) for i in range(k)])
    apart = train(x, y, recipe, np.random.default_rng(1), subsets)
    for a, b in zip(together.weights + together.biases, apart.weights + apart.biases, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    first = train(x, y, recipe, np.random.default_rng(1), subsets[:1])
    np.testing.assert_allclose(first.logits(x)[0], together.logits(x)[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(together.pick(3).logits(x)[0], together.logits(x)[3])


def test_a_network_learns_from_its_own_rows_only():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.integers(2, size=40)
    subsets = np.zeros((2, 40), bool)
    subsets[:, :20] = True
    one = train(x, y, Recipe(epochs=5), np.random.default_rng(2), subsets)
    y[20:] = 1 - y[20:]
    np.testing.assert_array_equal(
        one.logits(x), train(x, y, Recipe(epochs=5), np.random.default_rng(2), subsets).logits(x)
    )


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.sampled_from([(), (6,), (5, 4)]))
@settings(max_examples=20, deadline=None)
def test_gradient_is_the_slope_of_the_mean_logits(networks, features, classes, hidden):
    rng = np.random.default_rng(features)
    x = rng.normal(0, 3, (12, features))
    subsets = np.ones((networks, 12), bool)
    made = train(x, rng.dirichlet(np.ones(classes), 12), Recipe(hidden=hidden, epochs=3), rng, subsets)
    made = made._replace(
        weights=tuple(w.astype(np.float64) for w in made.weights),
        biases=tuple((b + rng.normal(size=b.shape)).astype(np.float64) for b in made.biases),
    )
    outward = rng.normal(size=(12, classes))
    slope = np.zeros_like(x)
    for f in range(features):
        moved = np.zeros(features)
        moved[f] = 1e-6
        change = made.logits(x + moved).mean(0) - made.logits(x - moved).mean(0)
        slope[:, f] = (outward * change).sum(1) / 2e-6
    np.testing.assert_allclose(made.gradient(x, outward), slope, rtol=1e-4, atol=1e-5)


def test_a_block_at_a_time_is_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), rng.integers(3, size=30)
    made = train(x, y, Recipe(hidden=(8,), epochs=3), rng, np.ones((2, 30), bool))
    whole = made.logits(x), made.predict_proba(x), made.gradient(x, np.ones((30, 3)))
    monkeypatch.setattr(network, "_BLOCK_FLOATS", 100)
    parts = made.logits(x), made.predict_proba(x), made.gradient(x, np.ones((30, 3)))
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    powers = np.exp(whole[0].astype(float))
    np.testing.assert_allclose(whole[1], (powers / powers.sum(2, keepdims=True)).mean(0), atol=1e-6)


def test_it_learns_what_can_be_learnt():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    ring = ((x**2).sum(1) > 1.4).astype(np.int64)
    made = train(x[:400], ring[:400], Recipe(hidden=(32,), epochs=60, rate=0.01), rng)
    assert made.task == "classifier" and (made.predict(x[400:]) == ring[400:]).mean() > 0.9
    values = 1e4 + 50 * np.abs(x[:, 0])
    made = train(x[:400], values[:400], Recipe(hidden=(32,), epochs=60, rate=0.01), rng)
    assert made.task == "regressor"
    assert ((made.predict(x[400:]) - values[400:]) ** 2).mean() < 0.02 * values.var()


@pytest.mark.parametrize("features, classes", [(1, 2), (1, 10_000), (2048, 2), (3, 1)])
def test_any_width(features, classes):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, features)), rng.integers(classes, size=20)
    y[0] = classes - 1
    made = train(x, y, Recipe(hidden=(4,), epochs=2), rng)
    assert made.predict_proba(x).shape == (20, classes) and np.isfinite(made.predict_proba(x)).all()


def test_targets_that_never_change():
    rng = np.random.default_rng(0)
    x = np.ones((5, 3))
    np.testing.assert_allclose(train(x, np.full(5, 1e9 / 3), Recipe(epochs=2), rng).predict(x), 1e9 / 3, rtol=1e-12)
    assert (train(x, np.full(5, 3), Recipe(epochs=90), rng).predict(x) == 3).all()


def test_long_training_keeps_its_numbers():
    x = np.array([[0.0], [1.0]])
    made = train(x, np.array([0, 1]), Recipe(hidden=(2,), epochs=8000, rate=0.05), np.random.default_rng(0))
    assert np.isfinite(made.logits(x)).all() and made.predict(x).tolist() == [0, 1]


def test_what_is_refused():
    rng, x = np.random.default_rng(0), np.zeros((4, 2))
    with pytest.raises(ConfigError, match="labels >= 0"):
        train(x, np.array([0, 1, -1, 0]), Recipe(), rng)
    with pytest.raises(ConfigError, match="expected 4"):
        train(x, np.zeros(3), Recipe(), rng)
    with pytest.raises(ConfigError, match="one row or more"):
        train(x, np.zeros(4, int), Recipe(), rng, np.zeros((1, 4), bool))
    with pytest.raises(ConfigError, match="got none"):
        train(x[:0], np.zeros(0, int), Recipe(), rng)
    with pytest.raises(ConfigError, match="classifier"):
        train(x, np.zeros(4), Recipe(epochs=1), rng).predict_proba(x)
