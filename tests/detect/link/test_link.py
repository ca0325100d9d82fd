import msgspec
import numpy as np
import pytest

from wellhead.detect.link.crowd import Crowd, Group
from wellhead.detect.link.link import groups, link
from wellhead.detect.link.population import rows_of
from wellhead.detect.link.seeds import crowding


def named(campaign):
    return {m for m in campaign.members if m.startswith("x")}


@pytest.mark.parametrize(
    ("count", "rows", "how"),
    [
        (5, 64, {"how": "active"}),
        (25, 64, {}),
        (25, 32, {"how": "active"}),
        (60, 48, {}),
        (25, 64, {"staggered": True}),
    ],
)
def test_finds_the_accounts_of_one_thief_and_nobody_else(scene, count, rows, how):
    found = link(scene.views(scene.theft(count, **how), rows), scene.population)
    assert found
    assert len(named(found[0])) >= 0.9 * count
    assert len(found[0].members) - len(named(found[0])) <= 3
    assert found[0].p_value < 1e-3


def test_honest_principals_are_no_campaign(scene):
    assert link(scene.views(), scene.population) == []


def test_who_is_listed_first_does_not_matter(scene):
    views = scene.views(scene.theft(12), 64)
    turned = rows_of(views, np.random.default_rng(1).permutation(len(views)))
    first, second = (link(v, scene.population) for v in (views, turned))
    assert [c.members for c in first] == [c.members for c in second]


def test_nobody_and_few_are_no_campaign(scene):
    views = scene.views()
    assert link(rows_of(views, np.zeros(0, int)), scene.population) == []
    assert link(rows_of(views, np.arange(2)), scene.population) == []


def test_rows_that_no_profile_coded_are_left_out(scene):
    views = scene.views(scene.theft(12), 64)
    blank = msgspec.structs.replace(views, placed=np.zeros(len(views)), features=np.full_like(views.features, np.nan))
    assert link(blank, scene.population) == []


def test_it_begins_with_everybody_and_with_the_sixty_four_that_have_the_most_close_neighbours(scene, monkeypatch):
    crowd, begun = scene.crowd(), []

    def grow(crowd, members, centre, tried):
        begun.append((members.tolist(), centre is not None))
        return Group(np.zeros(0, np.int64), np.zeros(len(crowd.points)), 0.0)

    monkeypatch.setattr(Crowd, "grow", grow)
    groups(crowd, np.log(1e-3))
    most = np.argsort(-crowding(crowd), kind="stable")[:64]
    assert begun == [([], True), *(([i], False) for i in most.tolist())]
