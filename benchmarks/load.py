"""Servers as child processes on loopback, load from wrk, and the CPU that a process tree spent on it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

LUA = Path(__file__).parent / "lua" / "post.lua"
_START_S = 60.0
_STOP_S = 25.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Load(msgspec.Struct, frozen=True):
    """What wrk saw. refused: answers with a status of 400 or more.  broken: connections that failed."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    refused: int
    broken: int


class Aim(NamedTuple):
    """Where load goes and what it is made of: files of bodies and of keys, a line each, and the header before a key."""

    url: str
    bodies: Path
    keys: Path
    header: str


class Server(NamedTuple):
    """A child process that listens."""

    name: str
    process: subprocess.Popen[bytes]
    port: int


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def parse(output: str) -> Load:
    """The line of JSON in wrk's output; raises ValueError where there is none."""
    for line in output.splitlines():
        if line.startswith('{"wrk":'):
            return msgspec.json.decode(line, type=dict[str, Load])["wrk"]
    raise ValueError(f"expected a line of JSON from wrk, got: {output[-300:]}")


def descendants(pid: int, parents: Mapping[int, int]) -> set[int]:
    """A process and all below it. parents: of every process, its parent."""
    tree, grown = {pid}, True
    while grown:
        more = {p for p, parent in parents.items() if parent in tree} - tree
        tree, grown = tree | more, bool(more)
    return tree


def _stats() -> dict[int, list[str]]:
    """/proc/PID/stat of every process, from the field after the name on."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stats[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    return stats


def cpu_s(pid: int) -> float:
    """User and system seconds of a process tree, its threads and the children that have ended included."""
    stats = _stats()
    tree = descendants(pid, {p: int(fields[1]) for p, fields in stats.items()})
    # fields 11 to 14 after the name: utime, stime, and both of the children waited for
    return sum(int(v) for p in tree if p in stats for v in stats[p][11:15]) / _TICKS


def wait_until(true: Callable[[], bool], what: str, seconds: float = _START_S) -> None:
    """Wait for something to come true; raises TimeoutError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"expected {what} within {seconds:.0f} s, waited in vain")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


@contextlib.contextmanager
def serving(name: str, command: Sequence[str], port: int, log: Path, **environ: str) -> Iterator[Server]:
    """A server as a child process in a session of its own, from the moment it listens; ended with all below it."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*map(str, command)], stdout=out, stderr=out, start_new_session=True, env=os.environ | environ
        )
    try:
        wait_until(lambda: process.poll() is not None or _listens(port), f"{name} to listen")
        if process.poll() is not None:
            raise RuntimeError(f"expected {name} to run, it ended: {log.read_text(errors='replace')[-500:]}")
        yield Server(name, process, port)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
    # what it left behind is still in the session that it led, which is ours to end
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


_started = 0


def fire(wrk: Path, aim: Aim, connections: int, seconds: int) -> Load:
    """Load for some seconds; raises RuntimeError where a request failed: a refusal is cheap and would flatter."""
    global _started  # noqa: PLW0603 - every run starts where no number was used before
    _started += 400_000
    done = subprocess.run(
        [
            *(wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", LUA, aim.url),
            *("--", aim.keys, aim.bodies, aim.header, str(_started)),
        ],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"expected wrk to run, got: {(done.stderr or done.stdout)[-300:]}")
    load = parse(done.stdout)
    if load.refused or load.broken or not load.requests:
        raise RuntimeError(f"expected every request to {aim.url} answered, got {load}")
    return load


def progress(text: str) -> None:
    """One line on where the run is."""
    print(text, file=sys.stderr, flush=True)
