import os
import signal
import subprocess
import sys

import pytest

from wellhead.audit.state import State, closed_cleanly
from wellhead.core.errors import AuditError


def test_a_life(tmp_path):
    path = tmp_path / "state"
    assert not closed_cleanly(path)
    state = State(path)
    assert (state.known, state.clean, state.acknowledged) == (False, False, 0)
    state.begin(5, 100)
    state.acknowledge(3)
    state.count(7, 2, 200)
    assert (state.acknowledged, state.counted, state.sealed_us) == (3, (7, 2), 200)
    state.count(8, 3, 300)
    state.close()
    state = State(path)
    assert (state.known, state.clean, state.acknowledged, state.counted) == (True, False, 3, (8, 3))
    assert not closed_cleanly(path)
    state.finish()
    state.close()
    assert closed_cleanly(path)
    state = State(path)
    assert state.clean
    state.begin(8, 400)
    assert (state.clean, state.acknowledged, state.counted) == (False, 0, (8, 0))
    state.close()


def test_the_count_outlives_a_killed_process(tmp_path):
    code = (
        "import sys, pathlib, os\nfrom wellhead.audit.state import State\n"
        "s = State(pathlib.Path(sys.argv[1])); s.begin(0, 1); s.acknowledge(41); s.acknowledge(1)\n"
        f"os.kill(os.getpid(), {int(signal.SIGKILL)})"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "state")], check=False)
    assert done.returncode == -signal.SIGKILL
    state = State(tmp_path / "state")
    assert (state.known, state.acknowledged) == (True, 42)
    state.close()


def test_files_that_are_no_state(tmp_path):
    (tmp_path / "state").write_bytes(os.urandom(128))
    (tmp_path / "long").write_bytes(b"x" * 999)
    for name in ("state", "long"):
        with pytest.raises(AuditError, match="another file"):
            State(tmp_path / name)
    assert (tmp_path / "long").read_bytes() == b"x" * 999
    with pytest.raises(AuditError, match="cannot map"):
        State(tmp_path / "none" / "state")
    (tmp_path / "short").write_bytes(b"x")
    assert not closed_cleanly(tmp_path / "short")
