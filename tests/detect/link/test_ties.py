import numpy as np
import pytest

from wellhead.detect.link.ties import apart, lockstep, ties_of


def test_the_same_hours_are_lockstep_and_others_not():
    rng = np.random.default_rng(0)
    hours = (rng.random((20, 768)) < 0.05).astype(np.float32)
    hours[1] = hours[0]
    found = lockstep(hours)
    assert found[0, 1] > 4
    assert np.abs(found[2, 3:]).max() < 4


def test_relay_is_seen_and_few_honest_pairs_look_like_it(scene):
    accounts = scene.theft(10, staggered=True)
    ties = ties_of(scene.views(accounts), np.random.default_rng(0))
    members = np.arange(300, 310)
    adjacent = ties.relay(members)[np.arange(9), np.arange(1, 10)]
    assert adjacent.mean() >= 0.5
    assert ties.relay(np.arange(300)).mean() < 0.03


def test_born_together():
    assert apart(np.array([0.0, 5.0]), np.array([1.0])).tolist() == [[1.0], [4.0]]


@pytest.mark.parametrize(("attribute", "kind"), [("network", 0), ("created_day", 1)])
def test_only_rare_values_tie(scene, attribute, kind):
    held = {a.name: frozenset({(attribute, "everybody's")}) for a in scene.people}
    held["h0"] = held["h1"] = frozenset({(attribute, "theirs")})
    ties = ties_of(scene.views(attributes=held), np.random.default_rng(0))
    shared = ties.shared(np.array([0, 1, 2, 3]), kind)
    assert shared[0, 1]
    assert not shared[2, 3]
    assert not ties.shared(np.array([0, 1]), 1 - kind).any()
