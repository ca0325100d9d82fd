"""Read held-out rows against real learners: which feature map to take, how far it errs, and what is attainable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from wellhead.core.arrays import Array, Inputs, Scores
from wellhead.core.codec import quantise
from wellhead.meter.ledger import from_answers
from wellhead.meter.profile import Check, Profile
from wellhead.meter.reading import read

STEPS = (8, 3, 1)
"""The learners are given an eighth, a third and all of the checking rows."""
KEPT = 2
"""Learners that are still tried on more rows and on scores: those that were best on fewer."""
FAR = 10
"""Attainable is what the best learner would reach with this many times the sample's rows."""


class Clone(Protocol):
    """What a learner gives back."""

    def predict(self, inputs: Any) -> Array:
        """(n,) labels or values."""


Learner: TypeAlias = Callable[[Any, Array, int], Any]
"""fit(inputs, targets, seed) -> Clone; targets: (n,) int labels, (n, k) probabilities, or (n,) float values."""


class Sample(NamedTuple):
    """Inputs (n, ...), true labels or values (n,), and true probabilities (n, k) where they are known."""

    inputs: Inputs
    truth: Array
    scores: Scores | None

    def take(self, rows: Array) -> Sample:
        """The sample of these rows."""
        of = self.inputs
        inputs: Inputs = [of[i] for i in rows] if isinstance(of, list) else of[rows]
        return Sample(inputs, self.truth[rows], None if self.scores is None else self.scores[rows])


Points: TypeAlias = dict[tuple[str, int], float]
"""Share of the judging rows reproduced, by kind of answer (`labels`, `scores`, `values`) and number of rows."""


def agreement(predicted: Array, truth: Array) -> float:
    """Share of equal labels, or R^2 clipped to 0..1 where the truth is a real number."""
    if truth.dtype.kind != "f":
        return float((predicted == truth).mean())
    spread = max(float(((truth - truth.mean()) ** 2).sum()), 1e-12)
    return float(np.clip(1.0 - ((predicted - truth) ** 2).sum() / spread, 0.0, 1.0))


def counts(pool: Array) -> list[int]:
    """Rows at which readings and learners are compared."""
    return sorted({max(len(pool) // step, 2) for step in STEPS})


def real_points(sample: Sample, pool: Array, judge: Array, learners: Mapping[str, Learner], seed: int) -> Points:
    """What the best of real learners reproduces of the judging rows, trained on ever more of the pool."""
    judged, found, left = sample.take(judge), Points(), dict(learners)
    for n in counts(pool) if learners else ():
        told = sample.take(pool[:n])
        reached = {name: _fidelity(learner, told, told.truth, judged, seed) for name, learner in left.items()}
        best = sorted(reached, key=lambda name: -reached[name])[:KEPT]
        left = {name: left[name] for name in best}
        found[_plain(sample), n] = top = max(reached.values())
        if told.scores is not None:
            soft = [_fidelity(learner, told, told.scores, judged, seed) for learner in left.values()]
            found["scores", n] = max(top, *soft)
    return found


def _plain(sample: Sample) -> str:
    return "values" if sample.truth.dtype.kind == "f" else "labels"


def _fidelity(learner: Learner, told: Sample, targets: Array, judged: Sample, seed: int) -> float:
    return agreement(np.asarray(learner(told.inputs, targets, seed).predict(judged.inputs)), judged.truth)


def readings(profile: Profile, sample: Sample, pool: Array, judge: Array) -> Points:
    """What the profile reads where `real_points` measures: the same rows told, the same rows judging."""
    codes, scores = profile.reference.codes, sample.scores
    judged = profile.with_reference(codes[judge], sample.truth[judge])
    phi = profile.features(codes[pool])
    found = Points()
    for n in counts(pool):
        truth = sample.truth[pool[:n]]
        found[_plain(sample), n] = read(from_answers(profile, phi[:n], truth), judged).replication
        if scores is not None:
            found["scores", n] = read(
                from_answers(profile, phi[:n], truth, quantise(scores[pool[:n]])), judged
            ).replication
    return found


def verdict(real: Points, own: Points) -> Check:
    """How far the readings are from the learners, in points."""
    misses = np.array([100.0 * (own[key] - real[key]) for key in real])
    points = tuple((n, own[kind, n], real[kind, n]) for kind, n in real)
    return Check(error=float(np.abs(misses).mean()), bias=float(misses.mean()), points=points, reason="")


def projected(points: Points, rows: int, floor: float) -> float:
    """Attainable replication: the power law through (n, 1 - replication), at ten times `rows`, or the best seen.

    Learning curves are power laws over this range (Hestness et al. 2017); the exponent is kept within 0..0.7.
    """
    best: dict[int, float] = {}
    for (_, n), share in points.items():
        best[n] = max(best.get(n, 0.0), share)
    logs, missing = np.log(list(best)), np.log(np.maximum(1.0 - np.array(list(best.values())), 5e-3))
    slope = float(np.polyfit(logs, missing, 1)[0]) if len(best) > 1 else 0.0
    reach = float(np.clip(slope, -0.7, 0.0)) * (np.log(rows * FAR) - logs.max())
    projection = 1.0 - float(np.exp(missing[logs.argmax()] + reach))
    return max(projection, *best.values(), floor + 0.01)
