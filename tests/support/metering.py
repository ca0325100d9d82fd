"""Small models and what they answered, for tests of the meter."""

from functools import cache

import numpy as np

from wellhead.core.codec import strongest
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.meter.fit import fit
from wellhead.testing.sketches import rows

FEATURES, CLASSES = 6, 3


def inputs(n, seed=0, features=FEATURES):
    return np.random.default_rng(seed).normal(size=(n, features)).astype(np.float32)


def softmax_model(x, classes=CLASSES):
    weights = np.random.default_rng(99).normal(size=(x.reshape(len(x), -1).shape[1], classes)) * 2
    powers = np.exp(x.reshape(len(x), -1) @ weights)
    return powers / powers.sum(1, keepdims=True)


@cache
def classifier(classes=CLASSES, rows=300):
    x = inputs(rows)
    answer = Answer(Exposure.PROBABILITIES, scores=softmax_model(x, classes))
    return fit(x, answer, ModelSpec(name="m"), np.random.default_rng(1))


def number_model(x):
    return 5.0 + 3.0 * x[:, 0] - x[:, 1]


@cache
def regressor():
    x = inputs(300)
    return fit(x, Answer(Exposure.VALUE, values=number_model(x)), ModelSpec(task="regressor"), np.random.default_rng(1))


def told(profile, x, scores, given=Exposure.PROBABILITIES, principals=None, time_s=1.7e9):
    """A batch of rows answered with these probabilities; given: one exposure, or one for each row."""
    kept, order = strongest(scores)
    return rows(
        principals or ["p"] * len(x),
        np.arange(len(x)),
        time_s=time_s,
        codes=profile.code(x),
        given=np.broadcast_to(np.asarray(given, np.uint8), len(x)),
        top1=scores.argmax(1),
        scores=kept,
        score_classes=np.zeros((0, 0), np.uint16) if order is None else order,
        classes=scores.shape[1],
    )


def answered(profile, n, seed=1, classes=CLASSES, **kw):
    x = inputs(n, seed)
    return told(profile, x, softmax_model(x, classes), **kw)


def valued(profile, n, seed=1):
    x = inputs(n, seed)
    given = np.full(n, Exposure.VALUE, np.uint8)
    return rows(
        ["p"] * n, np.arange(n), codes=profile.code(x), given=given, top1=np.full(n, -1), values=number_model(x)
    )
