import contextlib

import numpy as np

from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.extract.boxes import Domain, Trusted
from wellhead.redteam.extract.regions import Columns, clone, grow
from wellhead.redteam.extract.splits import Splits
from wellhead.redteam.extract.survey import Survey

DOMAIN = Domain(np.zeros(2), np.array([1.0, 2.0]), np.array([0, 3]))


def model(inputs):
    x = np.asarray(inputs)
    first = np.where(x[:, 1] == 1, 0.9, np.where(x[:, 0] > 0.5, 0.2, 0.6))
    return Answer(Exposure.PROBABILITIES, scores=np.column_stack([first, 1 - first]))


def known(reply=model):
    """A survey of 60 random points, and both changes."""
    survey, splits, rng = Survey((2,), 100), Splits(DOMAIN, np.full(2, 0.01)), np.random.default_rng(0)
    splits.add(np.array([0.499, 0]), np.array([0.501, 0]), 0)
    splits.add(np.array([0.2, 0]), np.array([0.2, 1]), 1)
    asking = survey.ask(DOMAIN.scatter(DOMAIN.whole.take(np.zeros(60, int)), rng))
    inputs = next(asking)
    with contextlib.suppress(StopIteration):
        asking.send(reply(inputs))
    return survey, splits


def test_columns_count_thresholds_and_mark_categories():
    columns = Columns.of(known()[1])
    assert columns.names == ((0, -1), (1, 0), (1, 1))
    assert columns.encode(np.array([[0.4, 2], [0.6, 1]])).tolist() == [[0, 0, 0], [1, 0, 1]]


def test_without_a_change_there_is_one_region():
    survey, _ = known()
    regions = grow(survey, Splits(DOMAIN, np.full(2, 0.01)))
    nodes, boxes = regions.boxes()
    assert nodes.size == 1 and np.array_equal(boxes.allowed, DOMAIN.whole.allowed)


def test_the_clone_says_what_the_model_says():
    survey, splits = known()
    regions = grow(survey, splits)
    copy, rng = clone(regions, survey), np.random.default_rng(1)
    fresh = DOMAIN.scatter(DOMAIN.whole.take(np.zeros(500, int)), rng)
    assert np.array_equal(copy.predict_proba(fresh), model(fresh).scores)
    assert np.array_equal(copy.predict(fresh), model(fresh).top1)
    nodes, boxes = regions.boxes()
    inside = DOMAIN.points(DOMAIN.scatter(boxes, rng)).within(boxes)
    assert nodes.size == 3 and (inside == np.eye(3, dtype=bool)).all()


def test_labels_and_values_are_cloned_alike():
    labels, splits = known(lambda x: Answer(Exposure.LABEL, labels=model(x).top1))
    copy = clone(grow(labels, splits), labels)
    assert copy.predict(np.array([[0.9, 0]])).tolist() == [1] and copy.predict_proba(np.array([[0.9, 0]])).shape == (
        1,
        2,
    )
    values, splits = known(lambda x: Answer(Exposure.VALUE, values=model(x).scores[:, 0]))
    assert clone(grow(values, splits), values).predict(np.array([[0.9, 0]])).tolist() == [0.2]


def test_trusted_boxes_go_before_the_tree():
    survey, splits = known()
    corner = DOMAIN.whole.above(0, 0.95)
    survey.trusted = Trusted(DOMAIN, corner, np.array([0]))
    told = clone(grow(survey, splits), survey).predict_proba(np.array([[0.97, 0], [0.97, 1], [0.97, 2]]))
    assert (told == told[0]).all()
