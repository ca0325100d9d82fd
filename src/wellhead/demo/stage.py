"""The stage: a model server, Wellhead before it, and keys for everybody, all on loopback and all real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wellhead.capture.keys import Holder, Keys
from wellhead.core.errors import WellheadError
from wellhead.demo.data import Split
from wellhead.demo.server import MODEL

DAY_S = 86_400
_START_S = 60.0

_CONFIG = """\
# Written by the demonstration. Thief and customers are treated by the same lines.
mode = "enforce"

[listen]
port = {port}

[upstream]
url = "http://127.0.0.1:{upstream}"

[model]
name = "{model}"
protocol = "open_inference"

[identity]
trusted_proxies = ["127.0.0.1/32"]  # the demonstration plays the edge that says where callers come from

[access]
keys = "{folder}/keys.json"

[limits]
rows_per_minute = 900
burst_rows = 32
max_unread_rows = 64
max_rows = 64

[plans.heavy]  # two customers have agreed on more
max_drawn = 0.9

[plans.heavy.limits]
rows_per_minute = 12000
burst_rows = 200
max_unread_rows = 256
max_rows = 64

[audit]
directory = "{folder}/log"
key = "{folder}/log.key"
origin = "wellhead.invalid/demo"
anchor = "{folder}/anchor.txt"
"""


class Account(NamedTuple):
    """One account: who it is, its key, and what an edge would say of it."""

    name: str
    token: str
    address: str
    agent: str

    @property
    def headers(self) -> dict[str, str]:
        """What its requests carry."""
        return {"x-api-key": self.token, "x-forwarded-for": self.address, "user-agent": self.agent}


class Stage:
    """Everything that runs; `close` ends it. folder: emptied by the caller."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder.resolve()
        self.upstream, self.port = free_port(), free_port()
        self.config = self.folder / "wellhead.toml"
        text = _CONFIG.format(port=self.port, upstream=self.upstream, model=MODEL, folder=self.folder)
        self.config.write_text(text)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.seed = seed

    def start_model(self) -> None:
        """Train the model and serve it, in a process that knows nothing of Wellhead."""
        self._start("model", "-m", "wellhead.demo.server", str(self.upstream), str(self.seed))
        wait_for(self.upstream, self._processes[-1])

    def fit_profile(self, parts: Split) -> None:
        """`wellhead profile fit` on a sample of the owner's own images."""
        sample = self.folder / "sample.npy"
        np.save(sample, parts.owner[:1000])
        self.wellhead("profile", "fit", str(sample), "-c", str(self.config))

    def start_gate(self) -> None:
        """`wellhead serve`."""
        self._start("wellhead", "-m", "wellhead", "serve", "-c", str(self.config))
        wait_for(self.port, self._processes[-1])

    def stop_gate(self) -> None:
        """End `wellhead serve` as an operator would, so that it drains and closes its log."""
        gate = self._processes.pop()
        gate.terminate()
        gate.wait(30)

    def wellhead(self, *arguments: str) -> str:
        """Run a `wellhead` command and return what it prints; raises WellheadError where it fails."""
        command = [sys.executable, "-m", "wellhead", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise WellheadError(f"expected `wellhead {arguments[0]}` to succeed, got: {done.stdout}{done.stderr}")
        return done.stdout

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as out:
            process = subprocess.Popen([sys.executable, *arguments], stdout=out, stderr=out)
        self._processes.append(process)

    def close(self) -> None:
        """End what still runs."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            process.wait(30)
        self._processes.clear()


def free_port() -> int:
    """A TCP port of the loopback that nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens; raises WellheadError where the process ends first or takes too long."""
    begun = time.monotonic()
    while time.monotonic() - begun < _START_S:
        if process.poll() is not None:
            raise WellheadError(
                f"expected a server on port {port}, its process ended with {process.returncode}", "see demo-out/*.out"
            )
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise WellheadError(f"expected a server on port {port} within {_START_S:g} s", "see demo-out/*.out")


class Customer(NamedTuple):
    """Who gets an account. newcomer: signed up today, like the thief."""

    name: str
    newcomer: bool
    plan: str = ""


def open_accounts(stage: Stage, customers: Sequence[Customer], rng: np.random.Generator, now_s: float) -> list[Account]:
    """An account and key for each.

    Newcomers, the thief's accounts among them, signed up today, call from one address and with one user agent.
    """
    keys = Keys.open(stage.folder / "keys.json")
    accounts = []
    for number, (name, newcomer, plan) in enumerate(customers):
        age_s = 0 if newcomer else int(rng.integers(30, 900)) * DAY_S
        token = keys.add(Holder(owner=name, plan=plan), now_s - age_s)
        address = "198.51.100.7" if newcomer else f"10.{number + 1}.{rng.integers(1, 255)}.7"
        agent = "python-requests/2.32" if newcomer or number % 3 == 0 else f"client/{number}"
        accounts.append(Account(name, token, address, agent))
    return accounts
