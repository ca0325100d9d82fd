from itertools import pairwise

import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.redteam.clone import Scale
from wellhead.redteam.network import Recipe, train


def forward(params, x):
    """One network in float64: params are weights, then biases."""
    depth = len(params) // 2
    for i in range(depth):
        x = x @ params[i] + params[depth + i]
        x = np.maximum(x, 0) if i + 1 < depth else x
    return x


def loss(params, x, goal, decay):
    z = forward(params, x)
    penalty = decay / 2 * sum((w**2).sum() for w in params[: len(params) // 2])
    if goal.shape[1] == 1:
        return ((z - goal) ** 2).sum() / 2 / len(x) + penalty
    return -(goal * (z - np.log(np.exp(z).sum(1, keepdims=True)))).sum() / len(x) + penalty


def slopes(params, x, goal, decay):
    """By central differences, one number at a time."""
    out = []
    for p in params:
        g = np.zeros_like(p)
        for i in np.ndindex(p.shape):
            kept, step = p[i], 1e-5
            p[i] = kept + step
            up = loss(params, x, goal, decay)
            p[i] = kept - step
            g[i] = (up - loss(params, x, goal, decay)) / (2 * step)
            p[i] = kept
        out.append(g)
    return out


def slow_twin(x, goal, recipe, seed, rows):
    """Textbook Adam on one network, in float64 and with numerical slopes."""
    rng = np.random.default_rng(seed)
    widths = [x.shape[1], *recipe.hidden, goal.shape[1]]
    params, biases = [], []
    for a, b in pairwise(widths):
        params.append((2 * rng.random((a, b), np.float32).astype(float) - 1) / np.sqrt(a))
        biases.append((2 * rng.random((1, b), np.float32).astype(float) - 1) / np.sqrt(a))
    params += biases
    order = np.concatenate([rng.permutation(rows) for _ in range(500)])
    batch = min(recipe.batch, rows.size)
    first, second = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    for t in range(1, -(-rows.size * recipe.epochs // batch) + 1):
        picked = order[(t - 1) * batch : t * batch]
        for i, g in enumerate(slopes(params, x[picked], goal[picked], recipe.decay)):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g**2
            params[i] -= recipe.rate * (first[i] / (1 - 0.9**t)) / (np.sqrt(second[i] / (1 - 0.999**t)) + 1e-8)
    return params


@pytest.mark.parametrize("kind", ["labels", "soft", "values"])
@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)])
def test_training_is_textbook_adam(kind, hidden):
    rng = np.random.default_rng(3)
    x = rng.random((11, 3)).astype(np.float32)
    labels = np.arange(11) % 3
    soft, values = rng.dirichlet(np.ones(3), 11), rng.normal(5, 2, 11)
    targets, goal = {
        "labels": (labels, np.eye(3)[labels]),
        "soft": (soft, soft),
        "values": (values, ((values - values.mean()) / values.std())[:, None]),
    }[kind]
    recipe = Recipe(hidden=hidden, epochs=7, batch=4, rate=0.02, decay=0.01)
    subsets = np.ones((2, 11), bool)
    subsets[0, 4], subsets[1, 7] = False, False
    made = train(x, targets, recipe, np.random.default_rng(5), subsets)
    seeds = np.random.default_rng(5).integers(2**63, size=2)
    scaled = Scale.fit(x.astype(float)).prepare(x)
    for k in range(2):
        params = slow_twin(scaled, goal, recipe, int(seeds[k]), np.flatnonzero(subsets[k]))
        expected = forward(params, scaled)
        expected = expected * values.std() + values.mean() if kind == "values" else expected
        np.testing.assert_allclose(made.logits(x)[k], expected, rtol=1e-4, atol=1e-4)


def test_recipes_that_are_refused():
    for wrong in ({"hidden": (0,)}, {"epochs": 0}, {"batch": 0}, {"rate": 0.0}, {"decay": -1.0}):
        with pytest.raises(ConfigError, match="positive"):
            Recipe(**wrong)
