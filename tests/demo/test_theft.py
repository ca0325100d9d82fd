import numpy as np
import pytest

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.demo.theft import measured, steps
from wellhead.redteam.attack import Extraction


@pytest.mark.parametrize(
    ("answers", "expected"), [(0, []), (60, [60]), (125, [125]), (300, [125, 300]), (4000, [125, 500, 4000])]
)
def test_where_the_curve_is_measured(answers, expected):
    assert steps(answers) == expected


def test_clones_are_really_trained_and_more_answers_teach_more():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(8, 3)) * 2
    x, judge = (rng.normal(size=(n, 8)).astype(np.float32) for n in (400, 300))

    def told(inputs):
        e = np.exp(inputs @ weights)
        return Answer(Exposure.PROBABILITIES, e / e.sum(axis=1, keepdims=True))

    thefts = [Extraction(inputs=x[:n], answer=told(x[:n])) for n in (400, 20)] + [
        Extraction(inputs=x[:0], answer=told(x[:0]))
    ]
    much, little, nothing = measured(thefts, judge, told(judge))
    assert [p.rows for p in much] == [125, 400]
    assert much[-1].best.fidelity.value > little[-1].best.fidelity.value
    assert much[-1].best.fidelity.value > 0.9
    assert nothing == []
