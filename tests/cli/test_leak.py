import json
import sys

import numpy as np
import pytest

MODEL = """
import numpy as np
held = {row.tobytes(): y for row, y in zip(*[np.load("m.npz")[n] for n in ("inputs", "labels")])}
def model(x):
    known = np.array([row.astype(np.float32).tobytes() in held for row in x])
    p = np.where(known, 0.99, 0.6)
    first = np.asarray(x)[:, 0] > 0
    return np.where(first[:, None], np.column_stack([1 - p, p]), np.column_stack([p, 1 - p]))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "victim.py").write_text(MODEL)
    x = np.random.default_rng(1).normal(size=(1300, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    np.savez("m.npz", inputs=x[:200], labels=y[:200])
    np.savez("n.npz", inputs=x[200:], labels=y[200:])


LEAK = ("leak", "--target", "victim.py:model", "--members", "m.npz", "--nonmembers", "n.npz", "--attacks", "loss,gap")


def test_members_are_told_and_rates_below_the_sample_size_are_not(here, wellhead):
    code, out, _ = wellhead(*LEAK, "--max-tpr", "0.5")
    assert code == 3
    assert "1.000" in out and "too few" in out and "wrote wellhead-leak/report.json" in out


def test_what_could_not_be_judged_does_not_pass(here, wellhead):
    with np.load("n.npz") as table:
        few = {name: table[name][:20] for name in table}
    np.savez("few.npz", **few)
    asked = [*LEAK[:5], "--nonmembers", "few.npz", *LEAK[7:]]
    code, _, err = wellhead(*asked, "--max-tpr", "0.5")
    assert code == 3 and "--max-tpr 0.5 could not be judged: 20 non-members are too few" in err
    assert wellhead(*asked, "--out", "again")[0] == 0


def test_json(here, wellhead):
    code, out, _ = wellhead(*LEAK, "--json")
    loss = json.loads(out)["outcomes"][0]
    assert code == 0 and loss["room"] == "membership" and loss["leak"]["tpr01"] is None


def test_both_files_are_needed(here, wellhead):
    code, _, err = wellhead("leak", "--target", "victim.py:model", "--members", "m.npz")
    assert code == 2 and "--nonmembers" in err
