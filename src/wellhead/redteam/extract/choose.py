"""Which inputs to ask next: scores of doubt, and k-center."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wellhead.core.arrays import Array, Inputs, Scores
from wellhead.core.event import Answer
from wellhead.redteam.attack import take, take_inputs
from wellhead.redteam.learner import fit_answers

_WIDEST = 64
_CELLS = 20_000_000
_COMMITTEE = 3


def least_confidence(shares: Scores) -> Array:
    """(n,): 1 - the best class's probability."""
    return np.asarray(1.0 - shares.max(axis=1))


def margin(shares: Scores) -> Array:
    """(n,): minus the distance of the two best classes."""
    if shares.shape[1] < 2:
        return np.zeros(len(shares))
    two_best = np.partition(shares, -2, axis=1)[:, -2:]
    return np.asarray(two_best[:, 0] - two_best[:, 1])


def k_center(held: Array, candidates: Array, count: int) -> Array:
    """(count,) indices of candidates, each in turn the farthest from all that is held or chosen.

    held: (m, d), candidates: (n, d), m may be 0. Greedy, at most twice the best radius.
    Source: Sener and Savarese, ICLR 2018, arXiv 1708.00489.
    """
    nearest = np.full(len(candidates), np.inf)
    squares = (candidates**2).sum(axis=1)
    for at in range(0, len(held), 256):
        block = held[at : at + 256]
        away = squares[:, None] - 2.0 * candidates @ block.T + (block**2).sum(axis=1)
        np.minimum(nearest, away.min(axis=1), out=nearest)
    chosen = np.zeros(min(count, len(candidates)), np.int64)
    for i in range(chosen.size):
        chosen[i] = nearest.argmax()
        np.minimum(nearest, ((candidates - candidates[chosen[i]]) ** 2).sum(axis=1), out=nearest)
        nearest[chosen[i]] = -np.inf
    return chosen


DOUBTS: dict[str, Callable[[Scores], Array]] = {
    "uncertainty": least_confidence,
    "margin": margin,
}
PICKS = ("random", *DOUBTS, "k_center")


def affordable(candidates: int, answer: Answer) -> int:
    """How many candidates can be scored at once; thousands of classes leave fewer."""
    labels = answer.top1
    classes = 1 if labels is None else int(labels.max(initial=0)) + 1
    return min(candidates, max(_CELLS // classes, 1))


def choose(
    pick: str, asked: Inputs, told: Answer, candidates: Inputs, count: int, fit: tuple[str, np.random.Generator]
) -> Array:
    """(count,) indices of the candidates to ask next, most wanted first.

    pick: among PICKS, not `random`.  fit: the learner of the clone, and the dice.
    Regressors are asked where clones of bootstraps of the answers disagree (Abe and Mamitsuka, ICML 1998), and by
    k-center on the clone's values.
    """
    learner, rng = fit
    if told.values is not None and pick != "k_center":
        some = [rng.integers(len(asked), size=len(asked)) for _ in range(_COMMITTEE)]
        votes = [_said(take_inputs(asked, s), take(told, s), learner, rng, [candidates])[0] for s in some]
        return np.argsort(-np.std(votes, axis=0)[:, 0], kind="stable")[:count]
    held, seen = _said(asked, told, learner, rng, [asked, candidates])
    if pick == "k_center":
        return k_center(*_narrow(held, seen, rng), count)
    return np.argsort(-DOUBTS[pick](seen), kind="stable")[:count]


def _said(asked: Inputs, told: Answer, learner: str, rng: np.random.Generator, judged: list[Inputs]) -> list[Array]:
    """For each of `judged`, (n, k) probabilities or (n, 1) values that a clone gives."""
    clone = fit_answers(asked, told, learner, int(rng.integers(2**31)))
    if told.values is not None:
        return [clone.predict(inputs)[:, None] for inputs in judged]
    return [clone.predict_proba(inputs) for inputs in judged]


def _narrow(held: Array, candidates: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Both in 64 dimensions at most: a random projection keeps distances (Johnson and Lindenstrauss)."""
    if held.shape[1] <= _WIDEST:
        return held, candidates
    projection = rng.normal(size=(held.shape[1], _WIDEST)) / np.sqrt(_WIDEST)
    return held @ projection, candidates @ projection
