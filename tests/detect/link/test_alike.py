import numpy as np
import pytest

from wellhead.detect.link.alike import DRAWS, alike, p_random, random_groups, repeated

NOBODY = np.zeros(0, np.int64)


def test_repeats_across_accounts_are_counted_in_samples():
    rng = np.random.default_rng(0)
    inputs = rng.integers(1, 2**32, (3, 4000), dtype=np.uint32)
    inputs[1, :2000] = inputs[0, :2000]
    sample = np.sort(inputs, axis=1)[:, :-257:-1]
    true = 1 - np.unique(inputs).size / inputs.size
    assert repeated(sample) == pytest.approx(true, abs=0.05)
    assert repeated(np.zeros((2, 8), np.uint32)) == 0.0


def test_a_work_list_is_more_alike_than_any_random_group(scene):
    crowd = scene.crowd(scene.theft(6), 64)
    members = np.arange(300, 306)
    own = alike(crowd.population, crowd.points.take(members), crowd.usual[members])
    others = random_groups(crowd.population, crowd.points.band[members], NOBODY, np.random.default_rng(0))
    assert len(others) == DRAWS
    assert p_random(own.all, np.array([o.all for o in others])) <= 0.01
    assert own.distinct == 1.0 > max(o.distinct for o in others)


def test_an_honest_group_is_like_other_honest_groups(scene):
    crowd, rng = scene.crowd(), np.random.default_rng(1)
    members = rng.choice(300, 12, replace=False)
    own = alike(crowd.population, crowd.points.take(members), crowd.usual[members])
    others = random_groups(crowd.population, crowd.points.band[members], NOBODY, rng)
    assert p_random(own.all, np.array([o.all for o in others])) > 0.01


def test_p_random_is_conformal():
    assert p_random(5.0, np.arange(9.0)) == 0.5
    assert p_random(99.0, np.arange(9.0)) == 0.1
