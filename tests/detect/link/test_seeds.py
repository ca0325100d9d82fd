import numpy as np

from wellhead.detect.link.seeds import blocks, crowding
from wellhead.detect.link.ties import ties_of


def test_accounts_of_one_thief_are_the_most_crowded(scene):
    crowd = scene.crowd(scene.theft(8, how="active"), 64)
    assert set(np.argsort(-crowding(crowd))[:8].tolist()) >= set(range(300, 306))


def test_blocks_are_those_who_share_a_rare_value(scene):
    accounts = scene.theft(4)
    everybody = {a.name: frozenset({("agent", "common")}) for a in [*scene.people, *accounts]}
    rare = {a.name: everybody[a.name] | {("network", "rare")} for a in accounts[:3]}
    views = scene.views(accounts, 32, everybody | rare)
    found = blocks(ties_of(views, np.random.default_rng(0)))
    assert [b.tolist() for b in found] == [[300, 301, 302]]
