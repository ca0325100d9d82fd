import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.meter import ground
from wellhead.meter.ground import MOST, PAIRS, near_ratio, pair
from wellhead.meter.record import RECORD, combine
from wellhead.meter.sketch import Sketches
from wellhead.testing.sketches import WIDTH, rows, space

SPACE = space()
KEYS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 400)), max_size=300)


def paired(folds):
    state = np.zeros(3, RECORD)
    for fold in folds:
        who, keys = np.array(sorted(fold), np.int64).reshape(-1, 2).T
        pair(state, who.astype(np.intp), keys.astype(np.uint32))
    return state


@settings(max_examples=150)
@given(st.lists(KEYS, max_size=5))
def test_the_largest_keys_are_kept(folds):
    state = paired(folds)
    for owner in range(3):
        keys = {key for fold in folds for who, key in fold if who == owner}
        assert sorted(state["pairs"][owner][state["pairs"][owner] > 0]) == sorted(keys)[-PAIRS:]


@given(KEYS, KEYS)
def test_adding_records_is_adding_their_keys(one, other):
    left, right = paired([one]), paired([other])
    combine(left, right)
    assert (np.sort(left["pairs"]) == np.sort(paired([one, other])["pairs"])).all()


def near(codes, inputs):
    sketches = Sketches(SPACE)
    for part in np.array_split(np.arange(len(codes)), 7):
        sketches.update(rows(["p"] * len(part), np.asarray(inputs)[part], codes=codes[part]))
    return float(sketches.columns(["p"]).near_ratio[0])


def fresh(n, seed=0):
    return np.random.default_rng(seed).integers(-127, 128, (n, WIDTH)).astype(np.int8)


def apart(n):
    """So many codes in different neighbourhoods."""
    codes = fresh(2 * n)
    first = np.unique(SPACE.place(codes).neighbourhood, return_index=True)[1]
    return codes[first[:n]]


@pytest.mark.parametrize("n", [1, 20, 64, 65, 1500])
def test_inputs_in_neighbourhoods_of_their_own_read_one_exactly_and_so_do_their_repeats(n):
    assert near(apart(n), np.arange(n)) == 1.0
    assert near(np.tile(apart(n), (10, 1)), np.tile(np.arange(n), 10)) == 1.0


def test_the_ratio_is_near_the_truth():
    codes = fresh(3000)
    truth = np.unique(SPACE.place(codes).neighbourhood).size / 3000
    assert near(codes, np.arange(3000)) == pytest.approx(truth, abs=0.12)


@pytest.mark.parametrize(("copies", "seeds"), [(2, 2000), (5, 40), (5, 500)])
def test_near_copies_are_seen(copies, seeds):
    codes = np.repeat(apart(seeds), copies, axis=0)
    assert near(codes, np.arange(len(codes))) == pytest.approx(1 / copies, rel=0.35)


@pytest.mark.parametrize("seed", range(8))
def test_one_crowded_neighbourhood_is_seen_wherever_it_hashes(seed):
    codes = np.concatenate([apart(300), np.tile(fresh(1, seed + 100), (3000, 1))])
    assert near(codes, np.arange(3300)) < 0.3


def test_nothing_is_said_without_codes():
    assert np.isnan(near_ratio(np.zeros((1, PAIRS), np.uint32), np.zeros(1)))


def test_sums_equal_the_slow_obvious_twin():
    rng = np.random.default_rng(1)
    codes, who = fresh(400), rng.integers(0, 5, 400)
    codes[::9] = 0
    traits = np.where(rng.random((400, 1)) < 0.2, 0, rng.integers(1, 256, (400, 3))).astype(np.uint8)
    sketches = Sketches(SPACE)
    sketches.update(rows([f"p{i}" for i in who], range(400), codes=codes, traits=traits))
    views = sketches.columns([f"p{i}" for i in range(5)])
    placed = SPACE.place(codes)
    for i in range(5):
        mine = (who == i) & codes.any(axis=1)
        known = traits[(who == i) & (traits[:, 0] > 0)]
        assert views.placed[i] == mine.sum()
        assert views.features[i] == pytest.approx(placed.features[mine].mean(axis=0) / 127, abs=1e-5)
        assert (views.regions[i] == np.bincount(placed.region[mine], minlength=64)).all()
        assert views.far[i] == pytest.approx(placed.far[mine].mean(), abs=0.01)
        assert views.far_ratio[i] == pytest.approx((placed.far[mine] > SPACE.farthest).mean())
        seen = [views.texture[i], views.residue[i], views.grain[i]]
        assert seen == pytest.approx((known.astype(float) - 1).mean(axis=0) / 254)


def test_regions_saturate():
    sketches = Sketches(SPACE)
    for _ in range(3):
        sketches.update(rows(["p"] * 200, range(200), codes=np.ones((200, WIDTH), np.int8)))
    assert sketches.columns(["p"]).regions.max() == 255
    assert sketches.merge(sketches).columns(["p"]).regions.max() == 255


def test_after_so_many_rows_the_mean_stays(monkeypatch):
    monkeypatch.setattr(ground, "MOST", 100)
    sketches = Sketches(SPACE)
    for _ in range(5):
        sketches.update(rows(["p"] * 60, range(60), codes=fresh(60)))
    views = sketches.columns(["p"])
    assert (views.rows[0], views.placed[0]) == (300, 120)
    again = sketches.merge(sketches).columns(["p"])
    assert again.placed[0] == 120 and (again.features == views.features).all()


def test_a_sum_of_so_many_features_fits():
    assert 127 * 2 * MOST < 2**31
