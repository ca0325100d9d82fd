import math
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks import detect_compare as compare
from benchmarks.detect_metrics import NEVER
from benchmarks.detect_peers import Looks, Ruling

NAMES = {"a": "A1", "b": "A4", "c": "A4"}
CURVE = compare.along([10, 100, 1_000], [0.4, 0.6, 0.8])


def ruling(name, rows, honest, published=math.nan):
    """One that scores 1,000 at each attack's row, and never otherwise."""
    looks = {
        n: ("s", Looks(np.array([r]), np.array([1e3])) if r > 0 else Looks(np.zeros(0, int), np.zeros(0)))
        for n, r in rows.items()
    }
    return Ruling(name, published, [], [("s", float(p)) for p in honest], looks, 1.5)


def test_fidelity_between_the_measured_rows():
    assert CURVE(100) == pytest.approx(0.6)
    assert CURVE(round(10**1.5)) == pytest.approx(0.5, abs=0.01)
    assert (CURVE(1), CURVE(NEVER)) == pytest.approx((0.4, 0.8))
    assert compare.along([1, 10, 100], [0.5, 0.4, 0.7])(10) == pytest.approx(0.5), "a thief keeps the better clone"


def test_detectors_stand_at_the_same_rate_of_false_alarms():
    peer = ruling("PRADA", {"a": 100, "b": NEVER, "c": 10}, range(1_000), published=2_000.0)
    ours = ruling(compare.OURS, {"a": 10, "b": 10, "c": 10}, range(1_000), published=0.0)
    runs = [compare.compare(r, NAMES, 0.01, lambda _, n: CURVE(n)) for r in (ours, peer)]
    assert [r.rate for r in runs] == [0.01, 0.01]
    assert runs[1].rows == (100, NEVER, 10)
    assert (runs[1].published, runs[1].published_found) == (0.0, 0.0)
    row = compare.peer_rows(runs, ["A1", "A4"])[0]
    assert (row.name, row.found, row.fidelity, row.wellhead) == ("PRADA", pytest.approx(2 / 3), 0.6, pytest.approx(0.4))
    assert row.cost_ms == 1.5
    cell = compare.cells(runs, "A4")["PRADA"]
    assert (cell.found, cell.rows, cell.fidelity) == (0.5, 10.0, pytest.approx(0.6))
    curve = compare.tradeoffs(runs, ["A4"])["PRADA"]
    assert [x for x, _ in curve] == pytest.approx([0, 1, 3, 10, 30, 100, 300])
    assert [y for _, y in curve] == pytest.approx([0.6] * 7)


def test_our_own_looks_are_put_beside_theirs():
    looks = SimpleNamespace(names=("h", "a"), principal=np.array([1, 0, 1, 1]), rows=np.array([64, 64, 16, 32]))
    margin = np.array([2.0, -1.0, math.nan, 0.5])
    own = compare.ours(["a", "b"], looks, margin, {"h": "s", "a": "s", "b": "s", "i": "s"}, ["h", "i"])
    assert own.test == [("s", -1.0), ("s", -math.inf)]
    assert own.attacks["a"][1].at.tolist() == [16, 32, 64]
    assert own.alarms(0.0) == {"a": 32, "b": -1}
    assert own.alarms(1.0) == {"a": 64, "b": -1}
