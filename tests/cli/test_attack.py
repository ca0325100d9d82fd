import json
import sys

import msgspec
import numpy as np
import pytest

from wellhead.redteam.outcome import Study

MODEL = """
import numpy as np
W = np.random.default_rng(7).normal(size=(4, 3))
def model(x):
    p = np.exp(np.asarray(x, float) @ W)
    return p / p.sum(axis=1, keepdims=True)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "victim.py").write_text(MODEL)
    x = np.random.default_rng(1).normal(size=(400, 4)).astype(np.float32)
    np.savez("pool.npz", inputs=x, labels=np.zeros(400, int))
    return tmp_path


ATTACK = (
    "attack",
    "--target",
    "victim.py:model",
    "--pool",
    "pool.npz",
    "--budget",
    "200",
    "--attacks",
    "random,uniform",
)


def test_a_table_a_verdict_and_a_report(here, wellhead):
    code, out, err = wellhead(*ATTACK, "--price", "0.002", "--out", "out")
    assert code == 0
    assert "random: ok" in err and "uniform: ok" in err
    assert "all answers" in out and "of 200 rows asked" in out
    assert {"transcript.jsonl", "plan.json", "report.json", "report.md"} <= {f.name for f in (here / "out").iterdir()}
    study = msgspec.json.decode((here / "out" / "report.json").read_bytes(), type=Study)
    assert study.spent_rows <= 200 and study.outcomes[0].money > 0


def test_json_alone_and_a_threshold_for_ci(here, wellhead):
    code, out, err = wellhead(*ATTACK, "--json", "--max-fidelity", "0.5")
    assert code == 3 and err == ""
    assert msgspec.json.decode(out.encode(), type=Study).budget_rows == 200
    assert wellhead(*ATTACK, "--json", "--max-fidelity", "1")[0] == 0


def test_other_arguments_in_the_same_directory_are_refused(here, wellhead):
    assert wellhead(*ATTACK)[0] == 0
    code, _, err = wellhead(*ATTACK, "--seed", "1")
    assert code == 2 and "arguments of the study" in err and err.count("\n") == 1


def test_a_second_process_in_the_same_directory_is_refused(here, wellhead):
    fcntl = pytest.importorskip("fcntl")
    import subprocess

    (here / "out").mkdir()
    (here / "out" / "transcript.jsonl").touch()
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl,sys; f=open('out/transcript.jsonl','a+b'); fcntl.lockf(f, fcntl.LOCK_EX);"
         "print('held', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout.readline() == b"held\n"
    code, _, err = wellhead(*ATTACK, "--out", "out")
    holder.communicate(b"")
    assert code == 2 and "no other process writes" in err and fcntl


def test_the_zoo_is_listed(wellhead):
    code, out, _ = wellhead("attack", "--list")
    assert code == 0 and "random" in out and "AML" in out
    lines = out.splitlines()
    assert sum(line.startswith("lowd_meek ") and "quer" in line for line in lines) == 1
    assert not any(mark in out for mark in "│┃┏")


def test_a_known_defence_is_undone(here, wellhead):
    for worn in ("round:decimals=2", "top_k:1", "reverse_sigmoid:beta=0.8"):
        assert wellhead(*ATTACK, "--recover", worn, "--json", "--out", worn[:5])[0] == 0
    assert wellhead(*ATTACK, "--recover", "round:decimals=2.5")[0] == 2


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--budget", "0"), "--budget"),
        (("--recover", "round:decimals"), "expected `decimals` of defence `round`"),
        (("--average", "0"), "average"),
        (("--attacks", "randon"), "did you mean `random`"),
        (("--pace", "-1"), "pace"),
        (("--members", "pool.npz"), "--nonmembers"),
        (("--target", "model.pkl"), "runs no code"),
    ],
)
def test_user_errors_are_one_line(here, wellhead, argv, said):
    code, out, err = wellhead(*ATTACK, *argv)
    assert code == 2 and said in err and err.count("\n") == 1 and out == ""


def test_a_remote_target_is_refused_before_anything_is_sent(here, wellhead):
    code, _, err = wellhead(*ATTACK, "--target", "http://192.0.2.1")
    assert code == 2 and "owner's consent" in err


def test_a_record_is_attacked_with_what_it_holds(here, wellhead):
    x = np.load("pool.npz")["inputs"]
    p = np.eye(3)[(x[:, 0] > 0).astype(int)] * 0.9 + 0.1 / 3
    np.savez("record.npz", inputs=x, probabilities=p / p.sum(axis=1, keepdims=True))
    argv = ("attack", "--target", "record.npz", "--budget", "300", "--attacks", "random", "--json")
    code, out, _ = wellhead(*argv)
    assert code == 0 and json.loads(out)["outcomes"][0]["state"] == "ok"


def test_it_says_whose_models_it_is_for(wellhead):
    assert "For your own models" in wellhead("attack", "--help")[1]


def test_a_policy_is_attacked_as_well_and_the_report_shows_what_it_leaves(here, wellhead):
    (here / "wellhead.toml").write_text('[valve]\nmax_drawn = 0.3\n[exposure]\nexposure = "label"\n')
    given = ("--policy", "wellhead.toml", "--budget", "400", "--attacks", "random", "--json", "--out", "out")
    code, out, err = wellhead(*ATTACK, *given)
    assert (code, err) == (0, "")
    study = msgspec.json.decode(out.encode(), type=Study)
    guarded = next(o.guarded for o in study.outcomes if o.attack == "random")
    assert study.policy == "wellhead.toml" and study.spent_rows <= 400
    assert guarded.marks[-1].told == "labels" and 0 < guarded.rows <= study.outcomes[0].rows
    assert (here / "out" / "policy" / "gate-1").is_dir() and not (here / "wellhead-log").exists()


def test_a_limit_that_could_not_be_judged_does_not_pass(here, wellhead):
    code, _, err = wellhead(*ATTACK, "--attacks", "relu", "--max-fidelity", "0.9")
    assert code == 3 and "could not be judged" in err
