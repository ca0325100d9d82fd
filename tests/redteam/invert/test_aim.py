import msgspec
import numpy as np
import pytest

from wellhead.core.errors import Unsuited
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.invert.aim import Aim, image, told, waves


def test_a_pools_components_give_its_inputs_back(known, digits):
    aim = Aim.of(known)
    z = aim.coordinates(known.pool)
    assert np.allclose(aim.inputs(z), known.pool, atol=1e-4)
    assert np.allclose((z * z).mean(axis=0), 1, atol=1e-6)


def test_without_a_pool_a_pictures_slow_waves_vary_most(known):
    aim = Aim.of(msgspec.structs.replace(known, pool=known.pool[:0]))
    lengths = np.linalg.norm(aim.basis, axis=1)
    assert (np.diff(lengths) <= 1e-12).all() and lengths[0] > 4 * lengths[-1]
    table = waves(5, 7)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    assert np.allclose(unit @ unit.T, np.eye(35))


def test_other_inputs_are_their_own_coordinates(known):
    plain = Aim.of(msgspec.structs.replace(known, pool=known.pool[:0], shape=(64,)))
    assert np.array_equal(plain.basis, np.eye(64) * 0.25) and (plain.inputs(np.zeros((1, 64))) == 0.5).all()


@pytest.mark.parametrize(
    ("shape", "plane"),
    [((8, 8), (8, 8)), ((1, 8, 9), (8, 9)), ((9, 8, 1), (9, 8)), ((3, 8, 8), None), ((8, 3), None), ((64,), None)],
)
def test_a_grey_picture_is_known_by_its_shape(shape, plane):
    assert image(shape) == plane


def test_rows_without_a_full_score_vector_tell_nothing():
    scores = np.array([[0.2, 0.8], [np.nan, np.nan]])
    found = told(Answer(Exposure.PROBABILITIES, scores=scores), 2)
    assert np.array_equal(found, scores, equal_nan=True)
    assert np.isnan(told(Answer(Exposure.PROBABILITIES, scores=scores), 3)).all()
    assert np.isnan(told(Answer(Exposure.LABEL, labels=np.array([1, 0])), 2)).all()
    logits = told(Answer(Exposure.LOGITS, scores=np.log(scores[:1]) + 5), 2)
    assert np.allclose(logits, scores[:1])


def test_a_regressor_or_an_unknown_number_of_classes_does_not_suit(known):
    for changed in ({"task": "regressor"}, {"classes": 0}):
        with pytest.raises(Unsuited):
            Aim.of(msgspec.structs.replace(known, **changed))
