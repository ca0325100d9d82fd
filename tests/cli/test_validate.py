import sys

import msgspec
import numpy as np
import pytest
from validations import VALIDATION

from wellhead.cli import validate
from wellhead.cli.validate import show
from wellhead.core.errors import ConfigError
from wellhead.redteam import curves
from wellhead.redteam.learner import LEARNERS
from wellhead.redteam.matrix import Step
from wellhead.redteam.validation import Validation
from wellhead.serve import policies

MODEL = """
import numpy as np
W = np.random.default_rng(7).normal(size=(4, 3))
asked = []
def model(x):
    asked.append(len(x))
    p = np.exp(3 * np.asarray(x, float) @ W)
    return p / p.sum(axis=1, keepdims=True)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(policies, "names", lambda group: ("label_only", "round"))
    monkeypatch.setattr(curves, "learners_for", lambda *a: {"logistic": LEARNERS["logistic"]})
    (tmp_path / "victim.py").write_text(MODEL)
    (tmp_path / "wellhead.toml").write_text('[audit]\ndirectory = "log"\n[exposure]\nanswers = ["round:1"]\n')
    x = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    weights = np.random.default_rng(7).normal(size=(4, 3))
    np.save("pool.npy", x[:200])
    np.savez("judge.npz", inputs=x[200:], labels=(x[200:] @ weights).argmax(axis=1))
    return tmp_path


VALIDATE = (
    "validate", "--target", "victim.py:model", "--pool", "pool.npy", "--judge", "judge.npz", "--budget", "50",
    "--seeds", "1", "--price", "0.002", "--account-price", "1",
)  # fmt: skip


def test_a_matrix_a_claim_and_a_report(here, wellhead):
    code, out, err = wellhead(*VALIDATE, "--defences", "top_k:2+round:1")
    assert code == 0
    assert "none: best thief" in err and "your config: best thief" in err
    for said in ("Policies against thieves", "top_k:2+round:1", "What honest customers notice", "With policy none"):
        assert said in out, said
    for said in ("unchanged on all 100 evaluation", "Label-only is the ceiling", "not measured", "lower bounds"):
        assert said in out, said
    study = msgspec.json.decode((here / "wellhead-validate" / "study.json").read_bytes(), type=Validation)
    assert [t.policy for t in study.tried] == ["none", "label_only", "round:2", "top_k:2+round:1", "your config"]
    assert study.accuracy == 1.0 and all(t.notice.kept == 100 for t in study.tried[:4])
    assert study.find("your config").answers == ("round:1",) and study.find("round:2").best.accuracy > 0.5
    assert (here / "wellhead-validate" / "report.html").exists() and not (here / "log").exists()


def test_what_was_answered_is_never_asked_again_and_json_is_alone(here, wellhead):
    code, out, err = wellhead(*VALIDATE, "--json")
    first = msgspec.json.decode(out.encode(), type=Validation)
    assert code == 0 and err == "" and first.budget == 50
    code, out, _ = wellhead(*VALIDATE, "--json")
    again = msgspec.json.decode(out.encode(), type=Validation)
    assert again.spent_rows == first.spent_rows
    assert [t.takings for t in again.tried] == [t.takings for t in first.tried]


def test_members_are_looked_for_where_they_are_given(here, wellhead):
    with np.load("judge.npz") as judge:
        np.savez("m.npz", inputs=judge["inputs"][:50], labels=judge["labels"][:50])
        np.savez("n.npz", inputs=judge["inputs"][50:], labels=judge["labels"][50:])
    code, out, _ = wellhead(*VALIDATE, "--members", "m.npz", "--nonmembers", "n.npz", "--json")
    study = msgspec.json.decode(out.encode(), type=Validation)
    assert code == 0 and study.find("none").by_scores is not None and study.find("none").by_labels is not None


def test_progress_is_drawn_on_a_terminal_and_nothing_found_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    steps = [
        Step("none", "plain, seed 0", 1, 2),
        Step("none", "done", 2, 2, VALIDATION.tried[0]),
        Step("", "done", 2, 2, None, VALIDATION),
    ]
    assert show(steps) is VALIDATION
    assert "none: best thief soft, 95.0 % ± 0.4" in capsys.readouterr().err
    with pytest.raises(ConfigError):
        show(steps[:1], quiet=True)


def test_a_model_that_is_not_asked_is_said(here, wellhead, monkeypatch):
    more = '[stances.reduce]\nupstream = "http://127.0.0.1:9"\n'
    (here / "wellhead.toml").write_text((here / "wellhead.toml").read_text() + more)
    monkeypatch.setattr(validate, "show", lambda steps, quiet: VALIDATION)
    code, out, _ = wellhead(*VALIDATE)
    assert code == 0 and "warning: your config has stances with an upstream of their own" in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--budget", "0"), "budget"),
        (("--defences", "rond:2"), "did you mean"),
        (("--defences", "mad"), "--flip-labels"),
        (("-c", "none.toml"), "config file"),
        (("--members", "judge.npz"), "--nonmembers"),
    ],
)
def test_user_errors_are_one_line(here, wellhead, argv, said):
    code, out, err = wellhead(*VALIDATE, *argv)
    assert code == 2 and said in err and err.count("\n") == 1 and out == ""
