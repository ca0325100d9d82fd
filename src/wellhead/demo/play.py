"""The play in three acts: customers and thief at the guarded model, the same theft unguarded, and the reckoning."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from wellhead.demo.cast import Acts, Cast
from wellhead.demo.crowd import body_of, habits, live, post, questions
from wellhead.demo.data import split, thief_pool
from wellhead.demo.reckoning import Summary, reckon, show
from wellhead.demo.server import train
from wellhead.demo.stage import Customer, Stage, open_accounts
from wellhead.demo.theft import ACCOUNTS, QUERIES, steal
from wellhead.redteam.attack import Extraction
from wellhead.redteam.run import Round

_THIEF_WAITS_S = 1.5
_PROBES = 150


def play(folder: Path, seed: int, stay: bool, now_s: float, queries: int = QUERIES) -> Summary:
    """Set the stage, play, reckon, and write demo-out/summary.json and report.html."""
    begun = time.monotonic()
    console = Console()
    stage = Stage(folder, seed)
    try:
        with _progress(console) as progress:
            cast = _prepare(stage, queries, now_s, progress)
            acts = _acts(stage, cast, seed, progress)
            if not stay:
                stage.stop_gate()
            task = progress.add_task("Measuring clones, verifying the log", total=None)
            summary = reckon(stage, cast, acts, begun, seed)
            progress.remove_task(task)
        show(console, folder, summary)
        if stay:
            _stay(console, stage)
    finally:
        stage.close()
    return summary


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=False) as progress:
        original = progress.add_task

        def add(description: str, total: float | None = 100.0) -> TaskID:
            return original(description, total=total, note="")

        progress.add_task = add  # type: ignore[method-assign,assignment]
        yield progress


def _prepare(stage: Stage, queries: int, now_s: float, progress: Progress) -> Cast:
    """Train and serve the model, fit its profile, hand out keys, start the gate."""
    rng = np.random.default_rng(stage.seed)
    parts = split(np.random.default_rng(stage.seed))
    with _step(progress, "Training and serving the model"):
        stage.start_model()
        model = train(parts, stage.seed)
    with _step(progress, "Fitting the profile on the owner's sample, checking it against real learners"):
        stage.fit_profile(parts)
    with _step(progress, "Starting Wellhead before it"):
        crowd = habits(rng)
        thief = [f"account-{i + 1}" for i in range(ACCOUNTS)]
        everybody = [Customer(h.name, h.newcomer, h.plan) for h in crowd] + [Customer(name, True) for name in thief]
        accounts = {a.name: a for a in open_accounts(stage, everybody, rng, now_s)}
        stage.start_gate()
    return Cast(parts, thief_pool(parts.thief, queries, rng), crowd, accounts, thief, model)


@contextmanager
def _step(progress: Progress, what: str) -> Iterator[None]:
    task = progress.add_task(what, total=1)
    yield
    progress.update(task, completed=1)


def _acts(stage: Stage, cast: Cast, seed: int, progress: Progress) -> Acts:
    """Customers and thief at once behind Wellhead; the same theft at the bare model; the price in time."""
    children = np.random.SeedSequence(seed).spawn(len(cast.crowd))
    with ThreadPoolExecutor(len(cast.crowd) + 1) as pool:
        done = progress.add_task("Thirty honest customers at the guarded model", total=len(cast.crowd))
        lives = []
        for habit, child in zip(cast.crowd, children, strict=True):
            images = questions(habit, cast.parts, np.random.default_rng(child))
            headers = cast.accounts[habit.name].headers
            lives.append(pool.submit(live, habit, images, stage.port, headers, cast.truth))
            lives[-1].add_done_callback(lambda _: progress.advance(done))
        time.sleep(_THIEF_WAITS_S)
        guarded = pool.submit(_steal, stage.port, cast, seed, progress, "The thief at the guarded model")
        crowd = [future.result() for future in lives]
        loot = guarded.result()
    latencies = _latencies(stage, cast)
    unguarded = _steal(stage.upstream, cast, seed, progress, "The same theft without Wellhead")
    return Acts(loot, unguarded, crowd, latencies)


def _steal(port: int, cast: Cast, seed: int, progress: Progress, what: str) -> Extraction:
    task = progress.add_task(what, total=len(cast.pool))
    got = 0

    def hear(r: Round) -> None:
        nonlocal got
        if r.state == "asking":
            got += r.answered
            blocked = sum(1 for a in r.accounts.values() if a.blocked)
            progress.update(task, completed=got, note=f"{got} answers, {blocked} accounts blocked")

    return steal(port, [cast.accounts[name] for name in cast.thief], cast.pool, seed, hear)


def _latencies(stage: Stage, cast: Cast) -> tuple[float, float]:
    """Median seconds of one customer's repeats, at the bare model and through the gate, asked in turn."""
    import http.client

    account = cast.accounts[cast.crowd[0].name]
    body = body_of(questions(cast.crowd[0], cast.parts, np.random.default_rng(0))[:1])
    wires = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for port in (stage.upstream, stage.port)]
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(_PROBES):
        for wire, times in zip(wires, took, strict=True):
            begun = time.perf_counter()
            post(wire, body, account.headers)
            times.append(time.perf_counter() - begun)
    for wire in wires:
        wire.close()
    return float(np.median(took[0])), float(np.median(took[1]))


def _stay(console: Console, stage: Stage) -> None:
    """Leave all running until somebody has seen enough."""
    console.print(
        f"Model: http://127.0.0.1:{stage.upstream}   Wellhead: http://127.0.0.1:{stage.port}   "
        "(Enter or Ctrl-C ends both)"
    )
    console.print(f"Look: .venv/bin/wellhead top -c {stage.config}", markup=False)
    try:
        input()
    except EOFError:
        while True:
            time.sleep(3600)
