import argparse
import json

import pytest

from wellhead.cli import privacy
from wellhead.core.errors import ConfigError

RUN = {
    "history": [[1.1, 256 / 60_000, 14_100]], "mechanism": "rdp", "delta": 1e-5, "epsilon": 2.6,
    "max_grad_norm": 1.0, "rows": 60_000, "poisson_sampling": True,
}  # fmt: skip


def command(path, *argv):
    top = argparse.ArgumentParser()
    privacy.register(top.add_subparsers())
    arguments = top.parse_args(["privacy", str(path), *argv])
    return arguments.run(arguments)


def test_a_sound_run_passes(tmp_path, capsys):
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    assert command(tmp_path / "run.json") == 0
    said = capsys.readouterr().out
    assert "PASS     epsilon recorded: 2.6 is claimed, these settings give at most 2.60" in said
    assert "does not make the model harder to clone" in said


def test_a_false_claim_fails(tmp_path, capsys):
    (tmp_path / "run.json").write_text(json.dumps(RUN | {"epsilon": 0.5}))
    assert command(tmp_path / "run.json", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["epsilon_at_most"] == pytest.approx(2.6, abs=0.01)
    assert found["remarks"][0]["verdict"] == "fail"


def test_no_file_is_said_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="expected a training run in"):
        command(tmp_path / "none.json")
