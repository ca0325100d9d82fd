"""The contract of output defences: what they declare holds on hard rows, whatever batch a row comes in."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Scores
from wellhead.defend.guarantees import Context, Defence, broken

SIZES = (2, 3, 10, 40)


def hard_rows(classes: int, seed: int = 0) -> Scores:
    """(n, classes) probabilities that break careless defences: ties, certainties, tiny and nearly equal entries."""
    rng = np.random.default_rng(seed)
    sure = np.eye(classes)
    tied = np.zeros((1, classes))
    tied[0, -2:] = 0.5
    nearly = np.full((1, classes), 1.0 / classes)
    nearly[0, -1] += 1e-9
    faint = np.full((1, classes), 1e-300)
    faint[0, classes // 2] = 1.0
    spread = np.exp(rng.uniform(-40.0, 40.0, (20, classes)))
    soft = rng.dirichlet(np.ones(classes), 20)
    halves = np.round(soft, 1) + 0.005
    rows = np.vstack((sure, tied, np.full((1, classes), 1.0 / classes), nearly, faint, spread, soft, halves))
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def check_defence(defence: Defence) -> None:
    """Raise AssertionError where a defence breaks its contract."""
    if not defence.name.isidentifier():
        raise AssertionError(f"expected a lower_snake_case name, got {defence.name!r}")
    for classes in SIZES:
        before = hard_rows(classes)
        context = Context(np.arange(len(before), dtype=np.uint64))
        kept = before.copy()
        after = defence.shape(before, context)
        if not np.array_equal(before, kept):
            raise AssertionError(f"{defence.name} wrote into its argument")
        fault = broken(defence.guarantees, before, after)
        if fault:
            raise AssertionError(f"{defence.name} breaks its promise: {fault}, with {classes} classes")
        _check_repeatable(defence, before, after, context)


def _check_repeatable(defence: Defence, before: Scores, after: Scores, context: Context) -> None:
    """The same rows again, alone and in another order, bit for bit."""
    if defence.guarantees.deterministic and not np.array_equal(defence.shape(before, context), after):
        raise AssertionError(f"{defence.name} declares `deterministic`, and answers the same rows differently")
    if not defence.guarantees.stateless:
        return
    fingerprints = context.fingerprints if context.fingerprints is not None else np.zeros(len(before), np.uint64)
    for order in (np.arange(len(before))[::-1], *(np.array([i]) for i in range(len(before)))):
        if not np.array_equal(defence.shape(before[order], Context(fingerprints[order])), after[order]):
            raise AssertionError(f"{defence.name} declares `stateless`, and a row's answer depends on its batch")
