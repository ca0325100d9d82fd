"""What a user sees where Python is too old or cannot make a virtual environment: one line with the remedy."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(folder, target, python):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    command = ["make", target, f"PYTHON={python}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def script(folder, text):
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("target", ["demo", "test"])
def test_no_usable_python(tmp_path, target):
    done = make(tmp_path, target, "/nowhere/python3")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout and f"make {target} PYTHON=" in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_no_venv_module(tmp_path):
    python = script(tmp_path, 'case "$2" in *ensurepip*) exit 1;; esac; exit 0')
    done = make(tmp_path, "demo", python)
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stdout
