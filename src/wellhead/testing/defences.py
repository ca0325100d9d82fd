"""The contract of output defences: what they declare holds on hard rows, whatever batch a row comes in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Scores
from wellhead.core.verdict import Stance
from wellhead.defend.guarantees import Argmax, Context, Defence, Depends, Guarantees, Stage, broken, is_simplex
from wellhead.defend.label_only import LabelOnly
from wellhead.defend.spec import met

SIZES = (2, 3, 10, 40, 1000)
_FEW = 4
_MANY = 20
_NAME = re.compile(r"[a-z][a-z0-9_]*(\([a-z0-9_()]+\))?")
_OTHER_KEY = b"another key, of 32 bytes in all.."
_CLOSE = 1e-6


def hard_rows(classes: int, seed: int = 0) -> Scores:
    """(n, classes) probabilities that break careless defences: ties, certainties, tiny and nearly equal entries.

    About 80 rows up to 40 classes, some 25 beyond.
    """
    rng, k = np.random.default_rng(seed), classes
    some = _MANY if k <= 40 else _FEW
    sure = np.eye(k)[: 2 * some]
    tied = np.zeros((2, k))
    tied[0, -2:] = 0.5
    tied[1] = 1.0
    tied[1, : k // 2] = 0.25
    # Equal but for what float64 can just tell, and for less than any margin that a defence may ask for.
    nearly = np.full((4, k), 1.0 / k)
    nearly[0, -1] += 1e-9
    nearly[1, -1] = np.nextafter(1.0 / k, 1.0)
    nearly[2, [0, -1]] = 0.4 + np.array([-5e-5, 0.0])
    nearly[3, [0, -1]] = 0.4, np.nextafter(0.4, 1.0)
    faint = np.full((1, k), 1e-300)
    faint[0, k // 2] = 1.0
    spread = np.exp(rng.uniform(-40.0, 40.0, (some, k)))
    soft = rng.dirichlet(np.ones(k), some)
    halves = np.round(soft, 1) + 0.005
    rows = np.vstack((sure, tied, np.full((1, k), 1.0 / k), nearly, faint, spread, soft, halves))
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def a_context(rows: int, classes: int, seed: int = 0, stance: Stance = Stance.THROTTLE) -> Context:
    """All that a defence may be told of a batch."""
    rng = np.random.default_rng(seed)
    marks = rng.integers(2**63, size=rows).astype(np.uint64)
    return Context(marks, "somebody", int(stance), rng.dirichlet(np.ones(classes), rows))


def check_defence(defence: Defence, sizes: Sequence[int] = SIZES) -> None:
    """Raise AssertionError where a defence breaks its contract. sizes: the numbers of classes that it is made for."""
    if not _NAME.fullmatch(defence.name) or not isinstance(defence.stage, Stage):
        raise AssertionError(f"expected a lower_snake_case name and a Stage, got {defence.name!r}, {defence.stage!r}")
    for classes in sizes:
        before = hard_rows(classes)
        whole = a_context(len(before), classes)
        for context in (whole, msgspec.structs.replace(whole, surrogate=None)):
            after = check_batch(defence, before, context)
            _check_repeatable(defence, before, after, context)
            _check_depends(defence, before, after, context)
            _check_classes(defence, context, classes)
        check_batch(defence, before[:, ::-1], whole)
        _check_numbers(defence, before, whole)


class Chain(msgspec.Struct, frozen=True):
    """Defences one after another as one, so that a pipeline is held to the same contract."""

    defences: tuple[Defence, ...]
    name: str = "pipeline"
    stage: Stage = Stage.PERTURB

    @property
    def guarantees(self) -> Guarantees:
        """The meet of the parts."""
        return met(self.defences)

    def shape(self, scores: Scores, context: Context) -> Scores:
        """(n, k) to (n, k)."""
        for defence in self.defences:
            scores = defence.shape(scores, context)
        return scores


def check_batch(defence: Defence, before: Scores, context: Context) -> Scores:
    """What the defence makes of one batch; AssertionError where that breaks what it declares."""
    kept, promise = before.copy(), defence.guarantees
    after = defence.shape(before, context)
    if not np.array_equal(before, kept):
        raise AssertionError(f"{defence.name} wrote into its argument")
    fault = broken(promise, before, after)
    if fault:
        raise AssertionError(f"{defence.name} breaks its promise: {fault}, with {before.shape[1]} classes")
    label = LabelOnly().shape
    if promise.argmax is Argmax.STRICT and not np.array_equal(label(after, context), label(before, context)):
        raise AssertionError(f"{defence.name} declares STRICT, and whoever reads labels alone reads others")
    return after


def _check_repeatable(defence: Defence, before: Scores, after: Scores, context: Context) -> None:
    """The same rows again, alone and in another order, bit for bit."""
    if not defence.guarantees.deterministic:
        return
    if not np.array_equal(defence.shape(before, context), after):
        raise AssertionError(f"{defence.name} declares `deterministic`, and answers the same rows differently")
    if not defence.guarantees.stateless:
        return
    for order in (np.arange(len(before))[::-1], *(np.array([i]) for i in range(len(before)))):
        if not np.array_equal(defence.shape(before[order], _rows(context, order)), after[order]):
            raise AssertionError(f"{defence.name} declares `stateless`, and a row's answer depends on its batch")


def _rows(context: Context, order: Any) -> Context:
    marks, surrogate = context.fingerprints, context.surrogate
    return msgspec.structs.replace(
        context,
        fingerprints=None if marks is None else marks[order],
        surrogate=None if surrogate is None else surrogate[order],
    )


def _check_depends(defence: Defence, before: Scores, after: Scores, context: Context) -> None:
    """Other inputs behind the same scores; and another key, where there is one."""
    promise, classes = defence.guarantees, before.shape[1]
    if promise.deterministic is Depends.OUTPUT:
        other = a_context(len(before), classes, seed=1)
        if not np.array_equal(defence.shape(before, other), after):
            raise AssertionError(f"{defence.name} declares that answers depend on scores alone, and they do not")
    held: Any = defence
    if hasattr(held, "key") and not np.array_equal(before, after):
        other_key = msgspec.structs.replace(held, key=_OTHER_KEY)
        if np.array_equal(other_key.shape(before, context), after):
            raise AssertionError(f"{defence.name} has a key, and answers the same by another")


def _check_classes(defence: Defence, context: Context, classes: int) -> None:
    """Classes in another order get their answers in that order; a key, a codebook or ties made inside may part them."""
    promise = defence.guarantees
    if promise.keyed or not promise.deterministic or _tells_apart(defence):
        return
    rng = np.random.default_rng(classes)
    rows, order = rng.dirichlet(np.ones(classes), _FEW), rng.permutation(classes)
    here = _rows(context, np.arange(_FEW))
    there = here if here.surrogate is None else msgspec.structs.replace(here, surrogate=here.surrogate[:, order])
    if not np.allclose(defence.shape(rows[:, order], there), defence.shape(rows, here)[:, order], rtol=0, atol=_CLOSE):
        raise AssertionError(f"{defence.name} treats a class by its place")


def _tells_apart(defence: Any) -> bool:
    inside = getattr(defence, "defences", ()) or ((defence.inner,) if hasattr(defence, "inner") else ())
    ties = any(part.guarantees.argmax is Argmax.WEAK for part in inside)
    return ties or hasattr(defence, "codebook") or any(map(_tells_apart, inside))


def _check_numbers(defence: Defence, before: Scores, context: Context) -> None:
    """Rows that hold no numbers end in an error, in rows that are no probabilities, or in labels alone."""
    for what in (np.nan, np.inf):
        spoilt = before.copy()
        spoilt[:, 0] = what
        try:
            with np.errstate(all="ignore"):
                after = defence.shape(spoilt, context)
        except Exception:  # noqa: S112 - whatever it is, nothing is served
            continue
        if any(is_simplex(row[None]) and set(row.tolist()) != {0.0, 1.0} for row in after):
            raise AssertionError(f"{defence.name} serves rows that hold {what}")
