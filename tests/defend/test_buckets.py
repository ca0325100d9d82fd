import numpy as np
import pytest

from wellhead.core.errors import ConfigError
from wellhead.defend.buckets import Buckets
from wellhead.defend.guarantees import Context
from wellhead.testing.defences import check_defence


@pytest.mark.parametrize("defence", [Buckets(), Buckets((0.7,), (0.5, 0.9)), Buckets((), (0.2,))])
def test_keeps_the_contract(defence):
    check_defence(defence)


@pytest.mark.parametrize(
    ("row", "served"),
    [
        ([0.4, 0.3, 0.3], [0.35, 0.325, 0.325]),
        ([0.2, 0.5, 0.3], [0.15, 0.7, 0.15]),
        ([0.05, 0.05, 0.9], [0.015, 0.015, 0.97]),
        ([0.4999, 0.4999, 0.0002], [0.35, 0.325, 0.325]),
    ],
)
def test_the_best_class_gets_its_buckets_centre(row, served):
    assert Buckets().shape(np.array([row]), Context())[0] == pytest.approx(served)


def test_the_best_class_stays_best_where_a_centre_would_not_do():
    assert Buckets((), (0.35,)).shape(np.array([[0.3, 0.7]]), Context())[0] == pytest.approx([0.499, 0.501])


def test_nothing_is_told_but_the_bucket():
    rows = np.random.default_rng(0).dirichlet(np.ones(4), 300)
    shaped = Buckets().shape(rows, Context())
    assert len(np.unique(np.sort(shaped, axis=1).round(12), axis=0)) == 3


@pytest.mark.parametrize(
    ("edges", "centres"), [((0.5,), (0.4,)), ((0.9, 0.5), (0.3, 0.5, 0.7)), ((0.5,), (0.7, 0.4)), ((), ())]
)
def test_what_does_not_fit_together_is_refused(edges, centres):
    with pytest.raises(ConfigError, match="rising edges and one centre more"):
        Buckets(edges, centres)
