"""Clones of what thieves were told, each trained once: the same questions and answers make the same clone."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs, Labels
from wellhead.redteam.attack import Clone, take_inputs
from wellhead.redteam.grade import Judges, learners_for, one_thread
from wellhead.redteam.learner import LEARNERS, Learner
from wellhead.redteam.measure import budgets, fidelity


class Stolen(NamedTuple):
    """A clone from so many inputs. accuracy: on labelled judges, -1 without labels."""

    inputs: int
    fidelity: float
    accuracy: float
    learner: str


class Curves:
    """Clones, judged; what was trained before is looked up. labels: (n,) true classes of the judges."""

    def __init__(self, judges: Judges, labels: Labels | None, classes: int) -> None:
        self._judges, self._labels, self._classes = judges, labels, classes
        self._known: dict[bytes, tuple[Stolen, ...]] = {}

    def of(self, inputs: Inputs, targets: Array, seed: int) -> tuple[Stolen, ...]:
        """Clones of the first n inputs, n doubling from 50, the last of all; empty where there are none.

        targets: (n,) int labels or (n, k) probabilities.  The learner is the one that is best in the end; logistic
        regression stands in where it is better on few rows.
        """
        if not len(inputs):
            return ()
        key = _digest(inputs, targets, seed)
        if key not in self._known:
            with one_thread():
                self._known[key] = self._trained(inputs, targets, seed)
        return self._known[key]

    def _trained(self, inputs: Inputs, targets: Array, seed: int) -> tuple[Stolen, ...]:
        learners = thieves_learners(self._classes, len(inputs), isinstance(inputs, list))
        end = self._best(learners, inputs, targets, seed)
        few = {name: fit for name, fit in learners.items() if name in (end.learner, "logistic")}
        steps = [
            self._best(few, take_inputs(inputs, np.arange(n)), targets[:n], seed) for n in budgets(len(inputs))[:-1]
        ]
        return (*steps, end)

    def _best(self, learners: dict[str, Learner], inputs: Inputs, targets: Array, seed: int) -> Stolen:
        tried = [self._judged(name, fit(inputs, targets, seed), len(inputs)) for name, fit in learners.items()]
        return max(tried, key=lambda s: s.fidelity)

    def _judged(self, name: str, clone: Clone, inputs: int) -> Stolen:
        judges, labels = self._judges, self._labels
        right = -1.0 if labels is None else float((clone.predict(judges.held) == labels).mean())
        return Stolen(inputs, fidelity(clone, judges.held, judges.truth).value, right, name)


def thieves_learners(classes: int, rows: int, text: bool) -> dict[str, Learner]:
    """Those of `grade`, with a perceptron that centres its inputs: on features of like ranges it is far better."""
    chosen = learners_for(classes, rows, text)
    if "perceptron" not in chosen:
        return chosen
    return {"mlp": LEARNERS["mlp"], **{name: fit for name, fit in chosen.items() if name != "perceptron"}}


def _digest(inputs: Inputs, targets: Array, seed: int) -> bytes:
    hashed = hashlib.blake2b(f"{seed} {targets.shape} {targets.dtype}".encode(), digest_size=16)
    hashed.update("\0".join(inputs).encode() if isinstance(inputs, list) else np.ascontiguousarray(inputs).tobytes())
    hashed.update(np.ascontiguousarray(targets).tobytes())
    return hashed.digest()
