"""A small victim for the tests of the detection benchmark."""

from functools import cache

import numpy as np
from benchmarks.detect_recorded import Recorded
from benchmarks.detect_victims import Parts, Raw, _built

WIDTH = 8


@cache
def small_victim():
    """Three classes of eight numbers around a hundred centres."""
    rng = np.random.default_rng(0)
    weights, centres = rng.normal(size=(WIDTH, 3)), 3 * rng.normal(size=(100, WIDTH))

    def answer(x):
        z = np.exp(np.asarray(x, float) @ weights / 4)
        return z / z.sum(axis=1, keepdims=True)

    def draw(n):
        return (centres[rng.integers(100, size=n)] + rng.normal(size=(n, WIDTH))).astype(np.float32)

    parts = Parts(*(draw(n) for n in (300, 4000, 2600, 300)))
    bound = np.full(WIDTH, 12.0)
    return _built("small", Raw("tabular", parts, answer, lambda x: x, -bound, bound, np.zeros(WIDTH, int)))


@cache
def small_recorded():
    """Nothing was recorded but a natural choice under the name of active learning."""
    victim = small_victim()
    return Recorded(victim.table, {"A6 margin": victim.thief[:2000]}, {})
