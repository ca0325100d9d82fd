"""The adaptive policy: what it changes for honest customers, and what it leaves to thieves who know of it.

The customers are those of the demonstration. Everybody passes the gate that would serve, in simulated time: the
customers ask as in the demonstration, and a thief in between.
"""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.results import Figure
from wellhead.config import Config, parse
from wellhead.core.arrays import Array, Inputs
from wellhead.core.event import Answer, Caller, Exchange, Query
from wellhead.core.exposure import Exposure
from wellhead.demo.crowd import Habit, habits, pauses, questions
from wellhead.demo.data import Split, split, thief_pool
from wellhead.demo.server import MODEL, train
from wellhead.meter.profile import Profile
from wellhead.redteam.learner import LEARNERS
from wellhead.redteam.oracle import Simulated
from wellhead.serve import profiles
from wellhead.serve.assemble import assemble
from wellhead.serve.worker import TICK_S

POLICY = """
mode = "enforce"

[model]
name = "digits"

[access]
keys = "KEYS"

[limits]
rows_per_minute = 900
burst_rows = 32
max_unread_rows = 64
max_rows = 64

[plans.heavy]
max_drawn = 0.9

[plans.heavy.limits]
rows_per_minute = 12000
burst_rows = 200
max_unread_rows = 256
max_rows = 64

[valve]
allow = ["heavy-1", "heavy-2"]

[stances.reduce]
answers = ["label_only"]

[[grades]]
stance = "reduce"
drawn = 0.65
for_s = 604800

[audit]
directory = "FOLDER"
key = "FOLDER/log.key"
"""
"""The demonstration's own limits, and one grade: labels alone from a share drawn on."""
SEEDS = (1, 2)
QUERIES = 1_000
_START_S = 1_767_225_600.0
_DAY = "2026-01-01"


class Thief(NamedTuple):
    """One way to ask. accounts: asked from in turn.  alike: with one address and client.

    each: rows that an account asks before it is left; 0 is no end.
    """

    name: str
    accounts: int = 1
    alike: bool = True
    each: int = 0


THIEVES = (
    Thief("one account"),
    Thief("8 accounts at one desk", 8),
    Thief("25 accounts, 25 networks", 25, alike=False),
    Thief("40 accounts, left after 25 rows", 40, alike=False, each=25),
)


class Row(msgspec.Struct, frozen=True):
    """One thief and seed. scored: answers that carried more than a label; fidelities of the clones, in shares.

    unchanged: share of honest answers that left as the model gave them, bit for bit.
    """

    thief: str
    seed: int
    answers: int
    scored: int
    fidelity: float
    labels: float
    undefended: float
    honest: int
    unchanged: float
    graded: int


class Scene(NamedTuple):
    """What a seed fixes."""

    parts: Split
    model: Any
    profile: Profile
    pool: Inputs
    crowd: list[Habit]

    def answers(self, images: Inputs) -> Array:
        """(n, 10) float64: what the model says."""
        return np.asarray(self.model.predict_proba(images), np.float64)


class Request(NamedTuple):
    """Somebody asks at a time, seconds; of the thief only the account counts."""

    at_s: float
    number: int
    caller: Caller
    inputs: Inputs


class Street(NamedTuple):
    """A day. heard: (rows, 10) answers of the thief; kept: which honest rows left as the model gave them."""

    inputs: Inputs
    heard: Array
    kept: Array
    graded: int


def config(folder: Path) -> Config:
    """The policy with its log in a folder."""
    return parse(POLICY.replace("FOLDER", str(folder)).replace("KEYS", str(folder / "keys.json")))


@cache
def scene(seed: int) -> Scene:
    """The demonstration's model, parts and crowd."""
    parts = split(np.random.default_rng(seed))
    model, rng = train(parts, seed), np.random.default_rng(seed)
    spec = profiles.spec_of(parse(f'[model]\nname = "{MODEL}"'))
    sample = parts.owner[:1000]
    said = np.asarray(model.predict_proba(sample), np.float64)
    profile = profiles.fit_profile(sample, Answer(Exposure.PROBABILITIES, said), spec)
    return Scene(parts, model, profile, thief_pool(parts.thief, QUERIES, rng), habits(rng))


def honest(scene: Scene, seed: int) -> Iterator[Request]:
    """The requests of every customer, with the addresses and clients that the demonstration gives them."""
    children = np.random.SeedSequence(seed).spawn(len(scene.crowd))
    for n, (habit, child) in enumerate(zip(scene.crowd, children, strict=True)):
        rng = np.random.default_rng(child)
        images = questions(habit, scene.parts, rng)
        caller = Caller(
            principal=habit.name,
            key=habit.name,
            plan=habit.plan,
            created_day=_DAY if habit.newcomer else f"2025-{1 + n % 12:02d}-{1 + n % 28:02d}",
            address="198.51.100.7" if habit.newcomer else f"10.{n + 1}.{n + 7}.7",
            agent="python-requests/2.32" if habit.newcomer or n % 3 == 0 else f"client/{n}",
        )
        waits = pauses(habit, -(-len(images) // habit.batch), np.random.default_rng(len(images)))
        at_s = 0.0
        for start, wait in zip(range(0, len(images), habit.batch), waits, strict=False):
            yield Request(at_s, n, caller, images[start : start + habit.batch])
            at_s += wait


def theft(thief: Thief, pool: Inputs) -> Iterator[Request]:
    """The thief's requests, a row at a time, account by account in turn."""
    for i in range(len(pool)):
        account = i // thief.each if thief.each else i % thief.accounts
        if account >= thief.accounts:
            return
        place = "198.51.100.7" if thief.alike else f"172.16.{account}.9"
        agent = "python-requests/2.32" if thief.alike else f"agent/{account}"
        name = f"account-{account + 1}"
        caller = Caller(principal=name, key=name, created_day=_DAY, address=place, agent=agent)
        yield Request(0.1 + i * 0.07, -1, caller, pool[i : i + 1])


def day(of: Scene, thief: Thief, seed: int) -> Street:
    """Customers and one thief at a fresh gate."""
    with tempfile.TemporaryDirectory() as folder:
        held = config(Path(folder))
        profiles.save(held, of.profile)
        clock = Simulated(_START_S)
        worker = assemble(held, clock.now_s, background=False)
        worker.announce = lambda _: None
        try:
            return _play(of, worker, clock, [*honest(of, seed), *theft(thief, of.pool)])
        finally:
            worker.stop()


def _play(of: Scene, worker: Any, clock: Simulated, requests: list[Request]) -> Street:
    """A refused thief gives that row up; a refused customer's rows count as changed."""
    inputs, heard, kept = [], [], []
    turned_s = 0.0
    for request in sorted(requests, key=lambda r: r.at_s):
        clock.sleep(max(_START_S + request.at_s - clock.now_s(), 0.0))
        if request.at_s - turned_s >= TICK_S:
            worker.turn()
            turned_s = request.at_s
        true = of.answers(request.inputs)
        served = pass_gate(worker, clock, request, true)
        if request.number >= 0:
            same = np.zeros(len(true), bool) if served is None else (served == true).all(axis=1)
            kept.extend(same.tolist())
        elif served is not None:
            inputs.append(request.inputs)
            heard.append(served)
    graded = sum(name.startswith(("customer", "heavy", "newcomer")) for name in worker.gate.decisions)
    none = np.zeros((0, 10))
    asked = np.concatenate(inputs) if inputs else of.pool[:0]
    return Street(asked, np.concatenate(heard) if heard else none, np.array(kept), graded)


def pass_gate(worker: Any, clock: Simulated, request: Request, true: Array) -> Array | None:
    """(n, 10) scores as served, one-hot where only labels are; None where refused."""
    query = Query(model=MODEL, inputs=request.inputs, rows=len(request.inputs), asked=Exposure.PROBABILITIES)
    verdict = worker.gate.admit(request.caller, query, clock.now_s())
    answer = Answer(Exposure.PROBABILITIES, true)
    served, defence = worker.gate.shape(query, answer, verdict) if verdict.passes else (None, "")
    worker.put(
        Exchange(
            caller=request.caller,
            query=query,
            answer=served,
            time_us=round(clock.now_s() * 1e6),
            status=verdict.status or 200,
            request=uuid.uuid4().hex,
            true_answer=answer if defence else None,
            defence=defence,
            stance=int(verdict.stance),
            reason=verdict.reason,
        )
    )
    if served is None or served.kind is Exposure.NONE:
        return None
    if served.scores is not None:
        return np.asarray(served.scores)
    return np.eye(10)[served.top1]


def cell(job: tuple[Thief, int]) -> Row:
    """One thief at one day: its best clone, and those of a label thief and of nobody's gate with as many answers."""
    thief, seed = job
    of = scene(seed)
    street = day(of, thief, seed)
    n = len(street.heard)
    truth = of.answers(street.inputs) if n else street.heard
    labels = np.eye(10)[truth.argmax(axis=1)]
    full = (street.heard.max(axis=1) < 1.0).sum() if n else 0
    judge, said = of.parts.judge, of.model.predict(of.parts.judge)

    def fidelity(targets: Array) -> float:
        clone = LEARNERS["mlp"](street.inputs, targets, 0)
        return float((clone.predict(judge) == said).mean())

    got, plain = fidelity(street.heard), fidelity(labels)
    return Row(
        thief.name,
        seed,
        n,
        int(full),
        max(got, plain),
        plain,
        fidelity(truth),
        len(street.kept),
        float(street.kept.mean()),
        street.graded,
    )


def run(processes: int = 2) -> list[Row]:
    """Every thief and seed."""
    jobs = [(thief, seed) for seed in SEEDS for thief in THIEVES]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(pool.map(cell, jobs))


def figures(rows: list[Row]) -> list[Figure]:
    """The least that the honest keep, and the most that a thief gets over labels, means over the seeds."""
    gains = {t.name: 100 * float(np.mean([r.fidelity - r.labels for r in rows if r.thief == t.name])) for t in THIEVES}
    most = max(gains, key=lambda name: gains[name])
    least = min(float(np.mean([r.unchanged for r in rows if r.thief == t.name])) for t in THIEVES)
    said = "; ".join(f"{name} {gain:+.1f}" for name, gain in gains.items())
    open_ = 100 * float(np.mean([r.undefended - r.labels for r in rows if r.thief == most]))
    print(f"adaptive: {said}", file=sys.stderr)
    return [
        Figure(
            "adaptive_honest_unchanged",
            least,
            "share",
            f"{min(r.honest for r in rows):,} rows of 30 customers, least of {len(THIEVES)} days",
            "higher",
        ),
        Figure("adaptive_best_thief_minus_label_only", gains[most], "points", f"{most}; without a gate {open_:+.1f}"),
    ]
