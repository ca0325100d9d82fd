import pytest
from benchmarks.defend_plots import NAMES, apart, pictures
from benchmarks.defend_tables import Row


def test_labels_stand_apart():
    points = [(0.0, 1.0), (0.1, 1.0), (0.1, 1.05), (1.5, 1.0)]
    found = apart(points, wide=0.5, high=0.2)
    assert found[3] == 1.0
    assert sorted(found[:3]) == pytest.approx([1.0, 1.2, 1.4])


def test_every_defence_is_drawn():
    pytest.importorskip("matplotlib")
    rows = [
        Row(task, 9, name, (), thief, 0.5, 0.1, 0.6, 0.1, 0.3, 1.0)
        for task in ("digits", "tab20")
        for name in ("none", *NAMES)
        for thief in ("soft", "top1")
    ]
    drawn = pictures(rows)
    assert set(drawn) == {"thieves", "moved"}
    assert all(words in drawn["thieves"] for words in NAMES.values())
