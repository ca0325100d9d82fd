import numpy as np

from wellhead.detect.link.case import LEAST_KINDS, SURE, case
from wellhead.detect.link.crowd import Group
from wellhead.detect.link.ties import ties_of


def judged(scene, accounts, members, rows=None, segment=-1):
    views, rng = scene.views(accounts, rows), np.random.default_rng(0)
    crowd = scene.crowd(accounts, rows)
    group = Group(members, np.zeros(len(views)), np.log(1e-9))
    return case(crowd, views, ties_of(views, rng), group, np.full(len(views), segment), rng)


def test_a_work_list_makes_a_case_in_words(scene):
    found = judged(scene, scene.theft(6), np.arange(300, 306), 64, segment=0)
    assert found.members == tuple(f"x{i}" for i in range(6))
    assert len(found.kinds) >= LEAST_KINDS
    assert {"inputs", "novelty"} <= set(found.kinds)
    assert found.p_random <= SURE
    assert found.rows == 6 * 64
    assert "none was as alike" in found.comparison
    assert all("random groups show" in reason for reason in found.reasons)
    assert all(e.value in e.said and e.low and e.high for e in found.evidence)
    assert not any(e.low in e.said for e in found.evidence)
    assert "100 % of all their inputs were new" in " ".join(found.reasons)


def test_random_honest_principals_make_none(scene):
    rng = np.random.default_rng(2)
    assert [judged(scene, (), rng.choice(300, 8, replace=False)) for _ in range(5)] == [None] * 5
