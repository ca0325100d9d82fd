"""Thieves against defences: how good a clone each gets from as many answers, and what the honest pay."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec
import numpy as np

from benchmarks.defend_stacks import FRESH, ROWS, stack
from benchmarks.defend_tasks import CLONE, CLONE_SEED, SEEDS, Play, answers, digits, play, tab20, train
from benchmarks.defend_thieves import LABEL_THIEVES, ask, listen, told
from benchmarks.results import Figure
from wellhead.defend.guarantees import Argmax
from wellhead.defend.spec import met

TASKS = {"digits": digits, "tab20": tab20}
LABELS, EARLIER = ("tab20", 2_000, "label_only", "soft"), 0.556
"""A row, and its accuracy by another program that followed the same recipe."""
KEY, GUESS = bytes(range(32)), bytes(32)


class Cell(msgspec.Struct, frozen=True):
    """One clone of one seed. moved: mean L1 of the answers; kept: share whose best class is the model's own.

    same: whether the thief trains, bit for bit, on what it would have made of undefended answers.
    """

    task: str
    rows: int
    defence: str
    thief: str
    seed: int
    accuracy: float
    fidelity: float
    moved: float
    kept: float
    same: bool
    strict: bool


class Row(msgspec.Struct, frozen=True):
    """A cell over all seeds: means, and standard deviations over the seeds."""

    task: str
    rows: int
    defence: str
    texts: tuple[str, ...]
    thief: str
    accuracy: float
    accuracy_sd: float
    fidelity: float
    fidelity_sd: float
    moved: float
    kept: float


def cells(job: tuple[str, int]) -> list[Cell]:
    """All clones of one seed of a task."""
    of = play(TASKS[job[0]](), job[1])
    return [cell for rows in of.task.budgets for cell in _cells(of, rows)]


def _cells(of: Play, rows: int) -> list[Cell]:
    sample, heard, names = ask(of, of.own), listen(of, rows), [*ROWS, FRESH]
    stacks = {name: (stack(name, sample, of.seed, KEY), stack(name, sample, of.seed + 1, GUESS)) for name in names}
    targets = {(name, thief): t for name, pair in stacks.items() for thief, t in told(heard, *pair).items()}
    distinct = {t.tobytes(): t for t in targets.values()}
    clones = train(heard.inputs, np.stack(list(distinct.values())), CLONE, CLONE_SEED + of.seed)
    said, truth = answers(clones, of.test).argmax(axis=2), ask(of, of.test).argmax(axis=1)
    labels = dict(zip(distinct, said, strict=True))
    clean = heard.clean[0]
    return [
        Cell(
            of.task.name,
            rows,
            name,
            thief,
            of.seed,
            float((labels[t.tobytes()] == of.labels).mean()),
            float((labels[t.tobytes()] == truth).mean()),
            float(np.abs(targets[name, "soft"] - clean).sum(axis=1).mean()),
            float((targets[name, "soft"].argmax(axis=1) == clean.argmax(axis=1)).mean()),
            t.tobytes() == targets["none", thief].tobytes(),
            met(stacks[name][0].defences).argmax is Argmax.STRICT,
        )
        for (name, thief), t in targets.items()
    ]


def run(tasks: Iterable[str] = tuple(TASKS), processes: int = 2) -> list[Cell]:
    """Every clone."""
    jobs = sorted(((task, seed) for task in tasks for seed in SEEDS), reverse=True)
    if processes == 1:
        return [cell for job in jobs for cell in cells(job)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [cell for found in pool.map(cells, jobs) for cell in found]


def table(found: Iterable[Cell]) -> list[Row]:
    """Means over the seeds."""
    by: dict[tuple[str, int, str, str], list[Cell]] = {}
    for cell in found:
        by.setdefault((cell.task, cell.rows, cell.defence, cell.thief), []).append(cell)
    return [_row(of) for of in by.values()]


def _row(of: list[Cell]) -> Row:
    first = of[0]

    def mean(field: str) -> float:
        return round(float(np.mean([getattr(c, field) for c in of])), 4)

    def spread(field: str) -> float:
        return round(float(np.std([getattr(c, field) for c in of], ddof=len(of) > 1)), 4)

    return Row(
        first.task,
        first.rows,
        first.defence,
        ROWS.get(first.defence, ()),
        first.thief,
        mean("accuracy"),
        spread("accuracy"),
        mean("fidelity"),
        spread("fidelity"),
        mean("moved"),
        mean("kept"),
    )


def best(rows: Iterable[Row], task: str, budget: int, defence: str) -> Row:
    """The thief that gets most from a defence."""
    return max(
        (r for r in rows if (r.task, r.rows, r.defence) == (task, budget, defence)), key=lambda r: (r.accuracy, r.thief)
    )


def figures(found: list[Cell]) -> list[Figure]:
    """Of each task with many answers: the best thief by defence, and the naive one by ModelGuard-W."""
    rows, made = table(found), []
    strict = [c.same for c in found if c.strict and c.thief in LABEL_THIEVES]
    for task in dict.fromkeys(r.task for r in rows):
        budget = max(r.rows for r in rows if r.task == task)
        pick = {(r.defence, r.thief): r for r in rows if (r.task, r.rows) == (task, budget)}
        bound = f"undefended {pick['none', 'soft'].accuracy:.3f}, label-only {pick['label_only', 'soft'].accuracy:.3f}"
        for defence in dict.fromkeys(r.defence for r in rows):
            most = best(rows, task, budget, defence)
            peer = f"{most.thief} thief, {budget} answers, sd {most.accuracy_sd:.3f}; {bound}"
            made.append(Figure(f"defend_{task}_{defence}", most.accuracy, "accuracy", peer))
        for defence in ("label_only", "modelguard_w", "modelguard_s"):
            made.append(Figure(f"defend_{task}_{defence}_soft", pick[defence, "soft"].accuracy, "accuracy", bound))
    off = [abs(r.accuracy - EARLIER) for r in rows if (r.task, r.rows, r.defence, r.thief) == LABELS]
    made += [Figure("defend_tab20_label_only_off", o, "accuracy", f"{EARLIER} by another program") for o in off]
    peer = f"{len(strict)} clones of strict defences"
    return [*made, Figure("label_only_thief_identical", float(np.mean(strict)), "share", peer, "higher")]
