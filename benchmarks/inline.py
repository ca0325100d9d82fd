"""What the way through Wellhead costs, measured in one run beside nginx, Envoy and LiteLLM."""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import peers
from benchmarks.load import Aim, Load, Server, cpu_s, fire, progress
from benchmarks.results import TARGETS, Figure, read, write
from benchmarks.stacks import Stacks

SEED, ROUNDS = 20, 3
BUSY, BUSY_S, ALONE_S, LITELLM_S, WARM_S = 32, 2, 1, 4, 3
ROUNDED = 3
"""Decimals of the fully shaped answers."""


class Round(NamedTuple):
    """One stack in one round. cpu_us: of its process tree, for each request."""

    cpu_us: float
    busy: Load
    alone: Load


class Stand(NamedTuple):
    """A stack that is up. settles: name of the gate to wait for before its CPU is read, if it is one."""

    server: Server
    aim: Aim
    settles: str = ""


def measure(stacks: Stacks, wrk: Path, stand: Stand) -> Round:
    """CPU under load, deferred work included, then the latency of one request at a time."""
    pid = stand.server.process.pid
    before = cpu_s(pid)
    slow = stand.server.name == "litellm"
    busy = fire(wrk, stand.aim, 4 if slow else BUSY, LITELLM_S if slow else BUSY_S)
    if stand.settles:
        stacks.drained(stand.settles)
    spent = cpu_s(pid) - before
    alone = busy if slow else fire(wrk, stand.aim, 1, ALONE_S)
    if stand.settles:
        stacks.drained(stand.settles, sealed=False)
    return Round(spent / busy.requests * 1e6, busy, alone)


def start(stacks: Stacks, up: contextlib.ExitStack) -> dict[str, Stand]:
    """Everything that can be had here, running."""
    enter = up.enter_context
    upstream = enter(stacks.upstream())
    nginx = enter(stacks.nginx())
    stands = {"direct": Stand(upstream, stacks.aim(upstream.port)), "nginx": Stand(nginx, stacks.aim(nginx.port))}
    if envoy := peers.envoy():
        server = enter(stacks.envoy(envoy))
        stands["envoy"] = Stand(server, stacks.aim(server.port))
    if litellm := peers.litellm():
        stands["litellm"] = Stand(*enter(stacks.litellm(litellm)))
    for name, decimals in (("wellhead", -1), ("rounding", ROUNDED)):
        server = enter(stacks.wellhead(name, decimals))
        stands[name] = Stand(server, stacks.aim(server.port), name)
    for name in ("bare", "guarded"):
        server = enter(stacks.in_process(name, name == "guarded"))
        stands[name] = Stand(server, stacks.aim(server.port), name if name == "guarded" else "")
    return stands


def run(wrk: Path) -> dict[str, list[Round]]:
    """Interleaved rounds, so that what else this machine does falls on all alike."""
    found: dict[str, list[Round]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="wh-", ignore_cleanup_errors=True) as home, contextlib.ExitStack() as up:
        stacks = Stacks(Path(home), SEED)
        stands = start(stacks, up)
        for stand in stands.values():
            # the first ledgers of new principals are read more often than they will ever be again
            fire(wrk, stand.aim, BUSY if stand.settles else 4, WARM_S if stand.settles else 1)
            if stand.settles:
                stacks.drained(stand.settles)
        for number in range(1, ROUNDS + 1):
            for name, stand in stands.items():
                found[name].append(measure(stacks, wrk, stand))
            said = ", ".join(f"{name} {rounds[-1].cpu_us:,.0f}" for name, rounds in found.items())
            progress(f"round {number} of {ROUNDS}, CPU us a request: {said}")
    return found


def ratio(found: dict[str, list[Round]], stack: str, peer: str) -> float:
    """Median over the rounds of the ratio within each."""
    return median(a.cpu_us / b.cpu_us for a, b in zip(found[stack], found[peer], strict=True))


def added(found: dict[str, list[Round]], stack: str, what: str, point: str) -> float:
    """Median microseconds over direct, round by round."""
    pairs = zip(found[stack], found["direct"], strict=True)
    return median(getattr(getattr(a, what), point) - getattr(getattr(b, what), point) for a, b in pairs)


def figures(found: dict[str, list[Round]]) -> list[Figure]:
    """What is told of the rounds."""
    told = []
    here = [p for p in ("envoy", "nginx", "litellm") if p in found]
    for stack, suffix in (("wellhead", ""), ("rounding", "_rounding")):
        told += [Figure(f"proxy_cpu_ratio_{p}{suffix}", round(ratio(found, stack, p), 4), "x", p) for p in here]
    costs = {"wellhead": "proxy", "rounding": "proxy_rounding"} | {p: p for p in here}
    for stack, name in costs.items():
        told.append(Figure(f"{name}_cpu_us", round(median(r.cpu_us for r in found[stack]), 1), "us", "", "lower"))
    for what, label in (("alone", "c1"), ("busy", f"c{BUSY}")):
        for point in ("p50_us", "p99_us"):
            name = f"added_{point.removesuffix('_us')}_{label}_us"
            for stack in ("wellhead", *(p for p in here if p != "litellm")):
                suffix = "" if stack == "wellhead" else f"_{stack}"
                told.append(Figure(name + suffix, round(added(found, stack, what, point), 1), "us", "direct"))
    for stack in ("direct", "wellhead", *here):
        rate = median(r.busy.requests / r.busy.seconds for r in found[stack])
        told.append(Figure(f"requests_per_s_{stack}", round(rate, 1), "1/s", "", "higher"))
    inside = median(a.cpu_us - b.cpu_us for a, b in zip(found["guarded"], found["bare"], strict=True))
    told.append(Figure("middleware_cpu_us", round(inside, 1), "us", "uvicorn alone"))
    return told


def parts() -> list[Figure]:
    """The figures of the parts, each measured by its own benchmark."""
    told = []
    for name in ("meter", "sketch", "audit"):
        progress(f"measuring {name}")
        told += importlib.import_module(f"benchmarks.{name}").rows()
    return told + [f for f in read("replication") if f.figure in TARGETS]


def main() -> None:
    """Measure, write and show."""
    wrk, nginx = peers.wrk(), peers.nginx()
    told = parts()
    if wrk is None or nginx is None:
        progress("without wrk and nginx there is no load and no model: the proxy's figures are left out")
    else:
        told = figures(run(wrk)) + told
    write("inline", told)
