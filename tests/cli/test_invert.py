import json
import sys

import numpy as np

MODEL = """
import numpy as np
W = np.random.default_rng(7).normal(size=(16, 3))
def model(x):
    p = np.exp(np.asarray(x, float).reshape(len(x), -1) @ W)
    return p / p.sum(axis=1, keepdims=True)
"""


def test_a_gallery_of_every_class(tmp_path, monkeypatch, wellhead):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "victim.py").write_text(MODEL)
    x = np.random.default_rng(1).uniform(size=(300, 4, 4)).astype(np.float32)
    np.savez("pool.npz", inputs=x, labels=np.arange(300) % 3)
    argv = ("invert", "--target", "victim.py:model", "--pool", "pool.npz", "--budget", "2000", "--attacks", "miface")
    code, out, _ = wellhead(*argv, "--json")
    found = json.loads(out)
    assert code == 0 and found["spent_rows"] <= 2000
    assert {x["name"] for x in found["outcomes"][0]["likenesses"]} == {"0", "1", "2"}
    assert (tmp_path / "wellhead-invert" / "report.json").exists()
