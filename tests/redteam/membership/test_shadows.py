import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.redteam.membership.shadows import Records, Training, draw, draw_outside, shadow_margins
from wellhead.redteam.network import Recipe

SIZES = st.integers(2, 40)


@given(SIZES, st.integers(0, 40), st.integers(1, 60), st.integers(2, 12), st.integers(0, 99))
def test_each_candidate_is_in_equally_many_sets_of_equal_size(candidates, pool, rows, shadows, seed):
    sets = draw(candidates, pool, rows, shadows, np.random.default_rng(seed))
    times = sets[:, :candidates].sum(axis=0)
    assert sets.shape == (shadows, candidates + pool) and times.max() - times.min() <= 1
    assert len(set(sets.sum(axis=1))) == 1 and sets[0].sum() <= rows
    if rows <= candidates // 2 + pool:
        assert sets[0].sum() == rows
    # every record is left out by some models: else there is nothing to compare with
    assert sets[:, :candidates].sum(axis=1).max() <= max(0.75 * candidates, candidates // 2)


def test_half_the_rows_without_a_size_make_pairs_of_complements():
    sets = draw(10, 0, 0, 4, np.random.default_rng(0))
    assert np.array_equal(sets[0], ~sets[1]) and np.array_equal(sets[2], ~sets[3])
    assert not np.array_equal(sets[0], sets[2])


def test_models_of_others_are_trained_outside_where_the_pool_suffices():
    rng = np.random.default_rng(0)
    assert not draw_outside(10, 30, 20, 3, rng)[:, :10].any()
    assert draw_outside(10, 30, 20, 3, rng).sum(axis=1).tolist() == [20] * 3
    assert draw_outside(10, 5, 8, 3, rng)[:, :10].any()


@pytest.mark.parametrize("recipe", ["mlp", "random_forest", "logistic"])
def test_shadows_are_surer_of_what_they_saw(recipe):
    rng = np.random.default_rng(0)
    records = Records(rng.normal(size=(60, 8)), rng.integers(3, size=60))
    sets = draw(60, 0, 0, 4, rng)
    training = Training(recipe, Recipe(hidden=(64,), epochs=100, batch=10, rate=1e-2))
    (found, few) = shadow_margins(
        records, sets, training, [records, Records(records.inputs[:3], records.labels[:3])], rng
    )
    assert found.shape == (4, 60) and np.allclose(few, found[:, :3], atol=1e-4)
    assert found[sets].mean() > found[~sets].mean() + 0.5


def test_an_unknown_recipe_is_refused():
    records = Records(np.zeros((2, 1)), np.zeros(2, int))
    with pytest.raises(ConfigError, match="random_forest"):
        shadow_margins(records, np.ones((1, 2), bool), Training("oracle"), [records], np.random.default_rng(0))
