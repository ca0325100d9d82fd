"""The thief: the red team's own pool attack, over HTTP, with the clone it ends up with measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.demo.data import Images
from wellhead.demo.server import MODEL
from wellhead.demo.stage import Account
from wellhead.protocols.open_inference import OpenInference
from wellhead.redteam.attack import Extraction, length, take
from wellhead.redteam.extract.pool import Pool
from wellhead.redteam.http import Account as HttpAccount
from wellhead.redteam.http import Http
from wellhead.redteam.learner import fit_answers
from wellhead.redteam.measure import Best, Point, fidelity
from wellhead.redteam.patience import Patience
from wellhead.redteam.run import Round, run

QUERIES = 4_000
ACCOUNTS = 8
LEARNER = "mlp"


def steal(port: int, accounts: Sequence[Account], pool: Images, seed: int, told: Callable[[Round], Any]) -> Extraction:
    """Ask the whole pool, split over the accounts; returns the answers got. told: hears every round."""
    oracle = Http(
        f"http://127.0.0.1:{port}",
        OpenInference(),
        ModelSpec(name=MODEL),
        [HttpAccount(a.name, headers=a.headers) for a in accounts],
        rows_per_call=1,
        target=f"demo:{port}",
    )
    attack = Pool(inputs=pool, rows=len(pool), per_round=160)
    last: Round | None = None
    for last in run(attack, oracle, patience=Patience(give_up_after_s=2.0), seed=seed):
        told(last)
    if last is None or not isinstance(last.result, Extraction):
        return Extraction(inputs=pool[:0], answer=Answer(Exposure.LABEL))
    return last.result


def measured(thefts: Sequence[Extraction], judge: Images, truth: Answer) -> list[list[Point]]:
    """For each theft, the fidelity of real clones after some of its answers and after all of them.

    The learner is the red team's perceptron on the probabilities, the strongest that it has on these digits.
    Each training runs in a process of its own, the longest first.
    """
    jobs = [(i, n) for i, theft in enumerate(thefts) for n in steps(length(theft.answer))]
    jobs.sort(key=lambda job: -job[1])
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = (
            list(pool.map(_point, *zip(*((thefts[i], n, judge, truth) for i, n in jobs), strict=True))) if jobs else []
        )
    curves: list[list[Point]] = [[] for _ in thefts]
    for (i, _), point in sorted(zip(jobs, found, strict=True), key=lambda pair: pair[1].rows):
        curves[i].append(point)
    return curves


def steps(answers: int) -> list[int]:
    """Where the curve is measured: after 125 and 500 answers, and after all."""
    return sorted({n for n in (125, 500, answers) if 0 < n <= answers})


def _point(theft: Extraction, rows: int, judge: Images, truth: Answer) -> Point:
    first = np.arange(rows)
    clone = fit_answers(theft.inputs[:rows], take(theft.answer, first), LEARNER, 0)
    return Point(rows, Best(None, LEARNER, "scores", fidelity(clone, judge, truth)))  # type: ignore[arg-type]
