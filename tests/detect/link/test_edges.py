import numpy as np

from wellhead.detect.link.edges import MOST, edges_of
from wellhead.detect.link.ties import ties_of


def test_every_edge_has_two_kinds_and_says_why(scene):
    accounts = scene.theft(10)
    views = scene.views(accounts, 64)
    crowd = scene.crowd(accounts, 64)
    members = np.arange(300, 310)
    edges = edges_of(crowd, ties_of(views, np.random.default_rng(0)), members, views.names)
    assert 5 <= len(edges) <= MOST * 10
    for edge in edges:
        assert len(edge.kinds) >= 2
        assert len(edge.reasons) >= len(edge.kinds)
        assert edge.a < edge.b
    assert {e.a for e in edges} | {e.b for e in edges} >= {f"x{i}" for i in range(8)}


def test_honest_principals_have_hardly_any(scene):
    views, members = scene.views(), np.arange(20)
    edges = edges_of(scene.crowd(), ties_of(views, np.random.default_rng(0)), members, views.names)
    assert len(edges) <= 4
