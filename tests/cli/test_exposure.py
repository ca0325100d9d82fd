import argparse
import json

import numpy as np
import pytest
from bygone import BEGAN, event, write_log

from wellhead.cli import exposure
from wellhead.core.codec import pack
from wellhead.core.errors import ConfigError
from wellhead.gate.record import fingerprints

KEY = b"k" * 32
RECORDS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)


@pytest.fixture
def place(tmp_path):
    """mallory asked the second record twice, alice something else."""
    asked = fingerprints(np.array([[3.0, 4.0], [9.0, 9.0]], np.float32), KEY)
    rows = {"rows": 2, "fingerprints": pack(asked), "top1": (1, 0), "confidence_pm": (990, 400)}
    events = [event(i, "mallory", BEGAN + 60 * i, **rows) for i in range(2)]
    events.append(event(9, "alice", BEGAN + 600, 2, confidence_pm=(500, 600)))
    (tmp_path / "wellhead.toml").write_text(write_log(tmp_path, events, 1))
    (tmp_path / "log" / "fingerprint.key").write_bytes(KEY)
    np.savez(tmp_path / "members.npz", inputs=RECORDS, labels=np.array([0, 1, 0]))
    return tmp_path


def command(place, *argv):
    top = argparse.ArgumentParser()
    exposure.register(top.add_subparsers())
    options = ["exposure", "-c", str(place / "wellhead.toml"), str(place / "members.npz"), *argv]
    arguments = top.parse_args(options)
    return arguments.run(arguments)


def test_it_says_which_records_were_asked_and_what_that_told(place, capsys):
    assert command(place, "--principal", "mallory") == 0
    said = capsys.readouterr().out
    assert "mallory: 4 rows answered; of 3 records 1 were asked and 0 nearly." in said
    assert (
        "record 2: asked 2 times, 0 near copies, 2023-11-15 00:00 to 2023-11-15 00:01 UTC; told probabilities" in said
    )
    assert "its class is the right one" in said
    assert "Without a profile" in said


def test_the_same_as_json(place, capsys):
    command(place, "--principal", "mallory", "--principal", "alice", "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["principals"], found["records"], found["rows"]) == (["mallory", "alice"], 3, 6)
    (touch,) = found["touched"]
    assert (touch["record"], touch["asked"], touch["right"], touch["confidence"]) == (2, 2, 2, 0.99)
    assert touch["rank"] == pytest.approx(4 / 6)


def test_who_touched_nothing_is_told_so(place, capsys):
    command(place, "--principal", "alice")
    said = capsys.readouterr().out
    assert "of 3 records 0 were asked and 0 nearly." in said
    assert "not proof" not in said


def test_a_stranger_is_refused(place):
    with pytest.raises(ConfigError, match="expected principals that were answered, got bob"):
        command(place, "--principal", "bob")


def test_another_logs_key_is_needed(place):
    (place / "log" / "fingerprint.key").unlink()
    with pytest.raises(ConfigError, match="fingerprint key"):
        command(place, "--principal", "alice")
