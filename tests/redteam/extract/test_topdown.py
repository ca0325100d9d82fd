import numpy as np
import pytest

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.boxes import Domain
from wellhead.redteam.extract.splits import Splits
from wellhead.redteam.extract.survey import Survey
from wellhead.redteam.extract.topdown import top_down

DOMAIN = Domain(np.zeros(5), np.array([1.0, 1, 1, 1, 3]), np.array([0, 0, 0, 0, 4]))
# (feature, threshold or category, below or equal, above or other), or a value.
TREE = (2, 0.3, (0, 0.7, (2, 0.1, 1, 2), 3), (4, ("is", 2), (1, 0.5, 4, 5), (2, 0.8, (4, ("is", 0), 6, 7), 8)))


def ask(tree, x, at=100.0):
    """What the tree says, from the inner node where the feature is missing."""
    if not isinstance(tree, tuple):
        return float(tree)
    feature, split, yes, no = tree
    if np.isnan(x[feature]):
        return at
    goes = x[feature] == split[1] if isinstance(split, tuple) else x[feature] <= split
    return ask(yes, x, 2 * at) if goes else ask(no, x, 2 * at + 1)


def read(rows=1000):
    survey, splits = Survey((5,), rows), Splits(DOMAIN, np.full(5, 1e-3))
    talk, asked = top_down(survey, splits, np.random.default_rng(0)), 0
    try:
        inputs = next(talk)
        while True:
            asked += len(inputs)
            inputs = talk.send(Answer(Exposure.VALUE, values=np.array([ask(TREE, x) for x in inputs])))
    except StopIteration as stop:
        return stop.value, survey, splits, asked


def test_every_leaf_is_found_with_its_box():
    leaves, survey, splits, asked = read()
    rng = np.random.default_rng(1)
    assert sorted(survey.answers()[0].values[np.isin(survey.answers()[1], leaves.ids)].astype(int)) != []
    for _ in range(20):
        points = DOMAIN.scatter(leaves.boxes, rng)
        truth = [ask(TREE, x) for x in points]
        told = [survey.answers()[0].values[survey.answers()[1] == i][0] for i in leaves.ids]
        assert truth == told
    assert len(set(told)) == 8 and splits.count == 5 and asked < 160


def test_nearly_everything_is_in_one_box_of_a_leaf():
    leaves = read()[0]
    points = DOMAIN.scatter(DOMAIN.whole.take(np.zeros(2000, int)), np.random.default_rng(2))
    inside = DOMAIN.points(points).within(leaves.boxes).sum(axis=1)
    assert inside.max() == 1 and inside.mean() > 0.99


@pytest.mark.parametrize("rows", [20, 60])
def test_with_too_few_questions_the_leaves_so_far_come_back(rows):
    leaves, _, _, asked = read(rows)
    assert asked <= rows and len(leaves.ids) < 8
