import json

import numpy as np
import pytest

from wellhead.capture.importers.answers import Labels, read_answers
from wellhead.core.codec import quantise
from wellhead.store.columns import connect


def told(rows, given=-1, **columns):
    names = ("scores", "labels", "values")
    count = max(len(c) for c in columns.values())
    with connect() as cursor:
        cursor.execute('CREATE TEMP TABLE asked (scores VARCHAR, labels VARCHAR, "values" VARCHAR, confidence FLOAT)')
        for i in range(count):
            texts = [None if columns.get(n, [None] * count)[i] is None else json.dumps(columns[n][i]) for n in names]
            cursor.execute(
                "INSERT INTO asked VALUES (?, ?, ?, ?)", [*texts, columns.get("confidence", [None] * count)[i]]
            )
        return read_answers(cursor, np.arange(count), np.array(rows), Labels(None), given)


def test_probabilities_and_logits():
    found = told([2, 1], scores=[[[0.2, 0.8], [0.5, 0.5]], [3.0, 1.0]])
    assert found.top1.tolist() == [1, 0, 0]
    assert found.given.tolist() == [3, 3, 4]
    e = np.exp(2.0)
    np.testing.assert_array_equal(
        found.scores, quantise(np.array([[0.2, 0.8], [0.5, 0.5], [e / (1 + e), 1 / (1 + e)]]))
    )


def test_scores_that_do_not_fit_their_request_are_not_there():
    found = told([2, 1], scores=[[[0.2, 0.8]], [[0.9, 0.1]]])
    assert found.top1.tolist() == [-1, -1, 0]
    assert np.isnan(found.confidence[:2]).all()
    assert found.given.tolist() == [0, 0, 3]


def test_labels_by_number_and_by_name():
    found = told([1, 2, 1, 1], labels=[7, ["cat", "dog"], "cat", None])
    assert found.top1.tolist() == [7, 0, 1, 0, -1]
    assert found.given.tolist() == [1, 1, 1, 1, 0]
    assert told([1, 1], labels=[10**19, 2**40]).top1.tolist() == [0, 1]


def test_values_and_confidence():
    assert told([1, 2], values=[0.5, [1.0, 2.0]]).values.tolist() == [0.5, 1.0, 2.0]
    found = told([1, 1], confidence=[0.75, None])
    assert found.confidence[0] == pytest.approx(0.75)
    assert found.given.tolist() == [2, 0]
    assert told([1], given=1, confidence=[0.5]).given.tolist() == [1]
