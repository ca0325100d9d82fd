"""What the meter costs an event: sketches and ledgers, every principal watched."""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from benchmarks.results import Figure, write
from wellhead.core.batch import Batch
from wellhead.core.codec import strongest
from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.meter.fit import fit
from wellhead.meter.meter import Meter
from wellhead.meter.profile import Profile
from wellhead.meter.sketch import Sketches
from wellhead.meter.traits import traits

BATCH, BATCHES, ROUNDS, INPUTS, CLASSES = 256, 400, 5, 96, 10
DIMENSION = 128


def batches(profile: Profile, principals: int, rng: np.random.Generator) -> list[Batch]:
    """Traffic of so many principals at random, BATCH rows at a time, with probabilities."""
    made = []
    for i in range(BATCHES):
        inputs = rng.normal(size=(BATCH, INPUTS)).astype(np.float32)
        probabilities = rng.dirichlet(np.ones(CLASSES), BATCH)
        who, principal = np.unique(rng.integers(0, principals, BATCH), return_inverse=True)
        made.append(
            Batch(
                names=tuple(f"caller-{w}" for w in who),
                attributes=tuple(frozenset({("organisation", f"o{w % 7}")}) for w in who),
                principal=principal.astype(np.int32),
                time_s=1.7e9 + i + np.arange(BATCH) / BATCH,
                fingerprint=rng.integers(0, 2**63, BATCH).astype(np.uint64),
                codes=profile.code(inputs),
                traits=traits(inputs),
                asked=np.full(BATCH, Exposure.PROBABILITIES, np.uint8),
                given=np.full(BATCH, Exposure.PROBABILITIES, np.uint8),
                top1=probabilities.argmax(1),
                confidence=probabilities.max(1).astype(np.float32),
                scores=strongest(probabilities)[0],
                score_classes=np.zeros((0, 0), np.uint16),
                classes=CLASSES,
                values=np.full(BATCH, np.nan),
            )
        )
    return made


def profile_of(rng: np.random.Generator) -> Profile:
    """A profile of a random softmax model."""
    inputs = rng.normal(size=(1000, INPUTS)).astype(np.float32)
    scores = np.exp(inputs @ rng.normal(size=(INPUTS, CLASSES)))
    answers = Answer(Exposure.PROBABILITIES, scores=scores / scores.sum(1, keepdims=True))
    return fit(inputs, answers, ModelSpec(name="m"), rng)


def us_per_event(profile: Profile, traffic: list[Batch]) -> float:
    """One Meter over all of it, the last waiting rows folded too."""
    meter = Meter(profile, 30, Sketches(profile.space))
    names = sorted({name for batch in traffic for name in batch.names})
    for name in names:
        meter.watch(name, traffic[0].take(np.zeros(0, np.int64)))
    start = time.process_time()
    for batch in traffic:
        meter.update(batch)
    meter.ledger(names[:1], 1.7e9)
    return (time.process_time() - start) / (len(traffic) * BATCH) * 1e6


def rows() -> list[Figure]:
    """The meter's figures."""
    rng = np.random.default_rng(2)
    profile = profile_of(rng)
    if profile.dimension != DIMENSION:
        print(f"the profile has D = {profile.dimension}, not {DIMENSION}")
    figures = []
    for name, principals in (("meter_us_per_event", 16), ("meter_us_per_event_256_principals", 256)):
        traffic = batches(profile, principals, rng)
        cost = median(us_per_event(profile, traffic) for _ in range(ROUNDS))
        figures.append(Figure(name, round(cost, 3), "us"))
    return figures


def main() -> None:
    """Write the meter's figures."""
    write("meter", rows())
