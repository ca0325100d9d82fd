import numpy as np
import pytest
from benchmarks.defend_marks import LABELS, Row, matches, pruned, worst
from benchmarks.defend_tasks import Networks

from wellhead.defend.mark import Marked


def test_only_marks_that_the_suspect_repeats_count():
    found = Marked(rows=np.array([1, 3, 4]), served=np.array([2, 0, 1]), rival=np.array([0, 1, 2]))
    assert matches(found, np.array([2, 2, 0, 1, 1])) == (3, 2)


def test_pruning_sets_the_smallest_half_to_nothing():
    weights = np.arange(1.0, 9.0).reshape(1, 2, 4) * np.array([1, -1, 1, -1])
    network = Networks((weights,), (np.ones((1, 1, 4)),), np.zeros(2), np.ones(2), "classifier")
    kept = pruned(network)
    assert (kept.weights[0] != 0).sum() == 4 and np.abs(kept.weights[0]).max() == 8
    assert np.array_equal(kept.biases[0], network.biases[0])


def test_the_worst_seed_is_told():
    rows = [Row("digits", 0.02, seed, LABELS, 9, 9, p, 0.9) for seed, p in ((0, -9.0), (1, -3.0))]
    assert worst(rows, "digits", 0.02, LABELS) == pytest.approx(1e-3)
