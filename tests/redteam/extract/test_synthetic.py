import numpy as np
import pytest

from wellhead.redteam.box import Box
from wellhead.redteam.extract.synthetic import mixed, structured, uniform
from wellhead.redteam.known import Known


def box(shape, low=-1.0, high=3.0, arities=()):
    d = int(np.prod(shape))
    known = Known(shape=shape, low=np.full(d, low), high=np.full(d, high), arities=np.array(arities, np.int64))
    return Box.of(known)


def test_uniform_fills_the_box_evenly():
    inputs = uniform(box((3,)), 4000, np.random.default_rng(0))
    assert inputs.shape == (4000, 3) and inputs.min() >= -1 and inputs.max() <= 3
    counts = np.histogram(inputs[:, 0], 4, (-1, 3))[0]
    assert (abs(counts - 1000) < 150).all()


def test_every_category_is_equally_likely():
    inputs = uniform(box((2,), 0.0, 3.0, [4, 0]), 4000, np.random.default_rng(0))
    values, counts = np.unique(inputs[:, 0], return_counts=True)
    assert values.tolist() == [0, 1, 2, 3] and (abs(counts - 1000) < 150).all()


def test_mixed_inputs_lie_between_two_of_the_pool_and_categories_are_one_of_theirs():
    pool = np.array([[0.0, 0.0, 1.0], [10.0, 10.0, 3.0]], np.float32)
    made = mixed(pool, 300, np.array([0, 0, 5]), np.random.default_rng(0))
    assert made.dtype == np.float32 and np.allclose(made[:, 0], made[:, 1]) and set(made[:, 2]) == {1.0, 3.0}
    assert (made >= pool.min(axis=0)).all() and (made <= pool.max(axis=0)).all() and 0 < made[:, 0].mean() < 10


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3), (3, 16, 16)])
def test_structured_noise_is_smoother_than_white_noise(shape):
    inputs = structured(box(shape), 60, np.random.default_rng(0))
    assert inputs.shape == (60, *shape) and inputs.min() >= -1 and inputs.max() <= 3
    axis = 2 if shape[0] == 16 else 3
    white = uniform(box(shape), 60, np.random.default_rng(0))
    assert np.abs(np.diff(inputs, axis=axis)).mean() < 0.7 * np.abs(np.diff(white, axis=axis)).mean()


def test_what_is_no_image_gets_uniform_noise():
    a, b = (make(box((5,)), 9, np.random.default_rng(3)) for make in (structured, uniform))
    assert np.array_equal(a, b)
