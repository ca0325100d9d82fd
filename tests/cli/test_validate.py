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
from wellhead.redteam.oracle import Wall
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
def numbers(x):
    return np.asarray(x).sum(axis=1)
def broken(x):
    raise ValueError("no such column: x")
def picky(x):
    if np.isnan(x).any():
        raise ValueError("Input X contains NaN.\\nImpute it.")
    return model(x)
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
    np.save("narrow.npy", x[:50, :2])
    np.save("nan.npy", np.where(np.arange(200)[:, None] == 7, np.nan, x[:200]).astype(np.float32))
    monkeypatch.setattr(Wall, "sleep", lambda self, seconds: None)
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
        (("--price", "inf"), "got inf; give another --price"),
        (("--price=-1",), "got -1; give another --price"),
        (("--account-price", "nan"), "got nan; give another --account-price"),
        (("--members", "judge.npz"), "--nonmembers"),
        (("--task", "regressor"), "expected a classifier"),
        (("--target", "victim.py:numbers"), "expected a classifier"),
        (("--target", "victim.py:broken"), "ValueError: no such column: x"),
        (("--target", "victim.py:model", "--pool", "narrow.npy", "--judge", "narrow.npy"), "matmul"),
        (("--target", "victim.py:picky", "--pool", "nan.npy"), "ValueError: Input X contains NaN. Impute it."),
    ],
)
def test_user_errors_are_one_line(here, wellhead, argv, said):
    code, out, err = wellhead(*VALIDATE, *argv)
    assert code == 2 and said in err and err.count("\n") == 1 and out == ""


def test_without_a_pool_one_is_asked_for(here, wellhead):
    code, _, err = wellhead("validate", "--target", "victim.py:model")
    assert code == 2 and "give --pool FILE" in err and not (here / "wellhead-validate").exists()


def test_nothing_that_was_there_is_deleted(here, wellhead):
    mine = here / "out" / "policies" / "alice.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("terms of insurance")
    (here / "out" / "rehearsals-mine").mkdir()
    for more in ((), ("--budget", "0")):
        wellhead(*VALIDATE, "--out", "out", *more)
        assert mine.read_text() == "terms of insurance"
    names = {"policies", "rehearsals-mine", "transcript.jsonl", "study.json", "report.md", "report.html"}
    assert {file.name for file in (here / "out").iterdir()} == names


@pytest.mark.parametrize("name", ["study.json", "report.md", "report.html"])
def test_a_report_that_is_another_s_is_not_overwritten(here, wellhead, name):
    (here / "out").mkdir()
    (here / "out" / name).write_text('{"target": "x"}')
    code, _, err = wellhead(*VALIDATE, "--out", "out")
    assert code == 2 and name in err and "new directory" in err
    assert [file.name for file in (here / "out").iterdir()] == [name]


def test_the_study_of_another_target_is_refused(here, wellhead):
    assert wellhead(*VALIDATE)[0] == 0
    before = (here / "wellhead-validate" / "study.json").read_bytes()
    other = ("--target", "other.py:model")
    (here / "other.py").write_text(MODEL.replace("(7)", "(8)"))
    for gone in ((), ("study.json", "report.md", "report.html")):
        for name in gone:
            (here / "wellhead-validate" / name).unlink()
        code, _, err = wellhead(*VALIDATE, *other)
        assert code == 2 and "expected a validation of other.py:model#" in err and "got one of victim.py:model#" in err
        assert gone or (here / "wellhead-validate" / "study.json").read_bytes() == before
    assert wellhead(*VALIDATE)[0] == 0


def test_a_quota_smaller_than_a_request_is_no_defence(here, wellhead):
    with (here / "wellhead.toml").open("a") as file:
        file.write("[limits]\nrows_per_day = 40\n[valve]\nmax_drawn = 1.0\n")
    code, out, _ = wellhead(*VALIDATE, "--json")
    own = msgspec.json.decode(out.encode(), type=Validation).find("your config")
    (soft,) = [t for t in own.takings if t.thief == "soft"]
    assert code == 0 and soft.rows == 50 and own.notice.answered == 100 and own.notice.refused == 0
