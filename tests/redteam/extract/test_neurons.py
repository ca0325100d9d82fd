import numpy as np

from wellhead.redteam.extract.neurons import Gradient, Layer


def test_a_neuron_is_read_from_the_change_of_the_gradient():
    rng = np.random.default_rng(0)
    direction, jump, at = rng.normal(size=5), rng.normal(size=3), rng.normal(size=5)
    layer = Layer(5, 3)
    assert layer.add(np.outer(direction, jump), at, direction)
    points = rng.normal(size=(20, 5))
    truth = np.maximum((points - at) @ direction, 0)[:, None] * jump
    assert np.allclose(layer.without(points, truth), 0) and layer.passes(at[None]).all()


def test_a_change_of_two_neurons_is_not_taken():
    rng = np.random.default_rng(1)
    layer = Layer(5, 3)
    assert not layer.add(rng.normal(size=(5, 3)), np.zeros(5), np.ones(5))
    assert not layer.add(np.full((5, 3), np.nan), np.zeros(5), np.ones(5)) and not len(layer.hidden)


def test_the_same_plane_again_corrects_the_neuron_and_nothing_left_is_pruned():
    layer, change = Layer(4, 2), np.outer([1.0, 2, 0, 0], [3.0, 1])
    assert layer.add(change, np.ones(4), np.ones(4)) and not layer.add(-change, np.ones(4), np.ones(4))
    assert layer.add(np.outer([0, 0, 1.0, 0], [1.0, 1]), np.zeros(4), np.ones(4))
    layer.prune()
    assert len(layer.hidden) == 1 == len(layer.offsets) == len(layer.jumps)


def test_slopes_are_of_what_is_left():
    points = np.vstack([np.zeros(3), 1e-3 * np.eye(3)])
    assert np.allclose(Layer(3, 1).slopes(Gradient(points, points @ np.array([[1.0], [2], [3]]))).ravel(), [1, 2, 3])
