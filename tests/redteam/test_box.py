import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import Unsuited
from wellhead.redteam.box import Box
from wellhead.redteam.known import Known

LOW, HIGH = np.array([-1.0, 0.0, 5.0, 0.0]), np.array([1.0, 10.0, 5.0, 3.0])
BOX = Box.of(Known(shape=(2, 2), low=LOW, high=HIGH, arities=np.array([0, 0, 0, 4])))


@given(st.lists(st.tuples(*(st.floats(0, 1) for _ in range(4))), min_size=1, max_size=5))
def test_points_and_inputs_are_each_others_inverse_inside_the_box(points):
    inputs = BOX.inputs(np.array(points))
    assert inputs.shape == (len(points), 2, 2) and inputs.dtype == np.float32
    flat = inputs.reshape(len(points), -1)
    assert (flat >= LOW).all() and (flat <= HIGH).all() and np.array_equal(flat[:, 3], np.rint(flat[:, 3]))
    assert np.allclose(BOX.inputs(BOX.unit(inputs)), inputs, atol=1e-6)


def test_what_lies_outside_is_moved_onto_the_side():
    unit = BOX.unit(np.array([[[-9.0, 20.0], [5.0, 1.0]]]))
    assert np.allclose(unit, [[0, 1, 0, 1 / 3]])
    assert np.array_equal(BOX.inputs(unit * 9 - 4), BOX.inputs(np.array([[0, 1, 0, 0]])))


def test_bounds_that_are_unknown_or_infinite_do_not_suit():
    for low, high in ((np.zeros(0), np.zeros(0)), (np.full(4, -np.inf), np.ones(4))):
        with pytest.raises(Unsuited, match="bounds"):
            Box.of(Known(shape=(2, 2), low=low, high=high))
