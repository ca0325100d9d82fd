"""ModelGuard-W beside the linear programme it solves, given to HiGHS: how far apart the answers are, and the time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable

import numpy as np

from benchmarks.defend_rows import softmax
from benchmarks.results import Figure
from wellhead.core.arrays import Array, Scores
from wellhead.defend.guarantees import Context, Defence

WIDTHS = (3, 5, 10, 100)
EACH = 120
TRIES = 5
_MARGIN = 1e-4
_LOG_ROOM = 1e-6
_FEASIBLE = 1e-7


def cost(row: Array) -> Array:
    """(k,) what a unit at each class costs: log(y + 1e-6)."""
    return np.asarray(np.log(row + _LOG_ROOM))


def solve(row: Array, epsilon: float) -> Array:
    """(k,) the best answer within L1 epsilon, the best class ahead by 0.0001 or as far as it was, by HiGHS.

    Unknowns: how far each class rises, and how far it falls; the leanest form that we know of.
    """
    from scipy.optimize import linprog

    k, top = len(row), int(row.argmax())
    others = np.delete(np.arange(k), top)
    ahead = np.zeros((k, k))
    ahead[np.arange(k - 1), others] = 1.0
    ahead[: k - 1, top] = -1.0
    moves = np.hstack([ahead, -ahead])
    moves[k - 1] = 1.0
    gaps_of = row[top] - row[others]
    done = linprog(
        np.concatenate([cost(row), -cost(row)]),
        A_ub=moves,
        b_ub=np.append(gaps_of - min(_MARGIN, gaps_of.min()), epsilon),
        A_eq=np.concatenate([np.ones(k), -np.ones(k)])[None],
        b_eq=[0.0],
        bounds=np.stack([np.zeros(2 * k), np.concatenate([np.ones(k), row])], axis=1),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if done.x is None:
        raise RuntimeError(f"HiGHS found no answer: {done.message}")
    return np.asarray(row + done.x[:k] - done.x[k:])


def feasible(row: Array, answer: Array, epsilon: float) -> bool:
    """Whether an answer keeps what the programme asks."""
    top = int(row.argmax())
    gap = row[top] - np.delete(row, top).max()
    ahead = answer[top] - np.delete(answer, top).max() >= min(_MARGIN, gap) - _FEASIBLE
    near = np.abs(answer - row).sum() <= epsilon + _FEASIBLE
    return bool(ahead and near and answer.min() >= -_FEASIBLE and abs(answer.sum() - 1) <= _FEASIBLE)


def rows(k: int, n: int, rng: np.random.Generator) -> Scores:
    """(n, k): sure and unsure models in equal parts."""
    return softmax(rng.normal(0, rng.choice([0.5, 2.0, 4.0], (n, 1)), (n, k)))


def gaps(make: Callable[[float], Defence], each: int = EACH, seed: int = 0) -> tuple[float, float, int]:
    """The largest and the smallest of (our objective less that of HiGHS), and how many of ours were not feasible."""
    rng = np.random.default_rng(seed)
    found, bad = [], 0
    for k in WIDTHS:
        for epsilon in (0.5, 1.0, 1.5):
            given = rows(k, each // 3, rng)
            for row, mine in zip(given, make(epsilon).shape(given, Context()), strict=True):
                found.append(float(cost(row) @ (mine - solve(row, epsilon))))
                bad += not feasible(row, mine, epsilon)
    return max(found), min(found), bad


def alone_us(call: Callable[[Scores], object], given: Scores, rounds: int = 3) -> float:
    """Median microseconds of one row at a time, after a first round that is not counted."""
    taken = list(_times(call, given, rounds + 1))
    return statistics.median(taken[len(given) :]) / 1000


def _times(call: Callable[[Scores], object], given: Scores, rounds: int) -> Iterable[int]:
    for _ in range(rounds):
        for i in range(len(given)):
            row = given[i : i + 1]
            start = time.perf_counter_ns()
            call(row)
            yield time.perf_counter_ns() - start


def speedup(defence: Defence, epsilon: float, k: int, seed: int = 1) -> tuple[float, float]:
    """Microseconds of ours and of HiGHS: of each row, alone and in turn, the best of five; then the median of rows.

    The best, because on a busy machine the longer of two is interrupted the more often.
    """
    given = rows(k, 60, np.random.default_rng(seed))
    context = Context()
    ours, theirs = [], []
    for i in range(len(given)):
        row = given[i : i + 1]
        ours.append(min(_times(lambda row: defence.shape(row, context), row, TRIES)))
        theirs.append(min(_times(lambda row: solve(row[0], epsilon), row, TRIES)))
    return statistics.median(ours) / 1000, statistics.median(theirs) / 1000


def figures(make: Callable[[float], Defence]) -> list[Figure]:
    """How far from the optimum, and how much faster."""
    high, low, bad = gaps(make)
    peer = f"{len(WIDTHS) * 3 * (EACH // 3)} programmes of k = {', '.join(map(str, WIDTHS))}; HiGHS"
    found = [
        Figure("modelguard_w_gap", max(high, 0.0), "objective", f"{peer}; the lowest {low:.1e}"),
        Figure("modelguard_w_infeasible", bad, "rows", peer),
    ]
    for k, name in ((10, "modelguard_w_speedup_vs_lp"), (100, "modelguard_w_speedup_k100")):
        ours, theirs = speedup(make(1.0), 1.0, k)
        found.append(
            Figure(name, theirs / ours, "ratio", f"HiGHS {theirs:,.0f} us, ours {ours:,.0f} us, k = {k}", "higher")
        )
    return found
