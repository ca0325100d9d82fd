"""The whole demonstration, with fewer queries: real processes, real sockets, real clones."""

import json
import re
import subprocess
import sys
import time

import pytest

from wellhead.demo.play import play


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, play(folder, 7, False, time.time(), queries=800)


def test_the_thief_is_found_and_stopped_and_the_honest_are_left_alone(played):
    _, s = played
    assert s.thief_accounts_found == 8
    assert s.thief_answers_guarded < 450 < s.thief_answers_open == 800
    assert s.thief_fidelity_guarded < s.thief_fidelity_open
    assert 0.7 < s.replication_at_alarm < 1.0
    assert 96 <= s.queries_at_alarm <= s.thief_answers_guarded
    assert s.honest_accused == 0
    assert s.honest_answers_changed < 0.01
    assert s.log_verified


def test_summary_and_report_are_written(played):
    folder, s = played
    summary = json.loads((folder / "summary.json").read_text())
    promised = [
        "thief_fidelity_open",
        "thief_fidelity_guarded",
        "thief_answers_guarded",
        "replication_at_alarm",
        "queries_at_alarm",
        "thief_accounts_found",
        "honest_accused",
        "honest_answers_changed",
        "log_verified",
        "seconds",
    ]
    assert all(name in summary for name in promised)
    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 2
    assert f"{100 * s.thief_fidelity_guarded:.1f} %" in page
    assert not re.search(r'(src|href)="(?!#)', page), "the report must stand alone"


def test_the_log_still_verifies_and_an_edit_does_not(played):
    folder, _ = played
    command = [sys.executable, "-m", "wellhead", "audit", "verify", "-c", str(folder / "wellhead.toml")]
    assert subprocess.run(command, capture_output=True).returncode == 0
    segment = folder / "log" / "entries" / "000000.jsonl"
    kept = segment.read_bytes()
    segment.write_bytes(kept.replace(b"account-1", b"account-9", 1))
    done = subprocess.run(command, capture_output=True, text=True)
    segment.write_bytes(kept)
    assert done.returncode == 1
    assert "FAIL" in done.stdout
