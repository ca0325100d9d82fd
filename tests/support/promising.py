"""Honest customers of the small softmax model, and the promise that their looks allow."""

from functools import cache

import numpy as np
from serving import NOW, WIDTH, predict

from wellhead.core.event import Answer, Caller, Exchange, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.detect.budget import AlarmBudget
from wellhead.detect.calibrate import calibrate
from wellhead.detect.detectors import Detectors
from wellhead.detect.link.fit import fit_population
from wellhead.detect.looks import Looking, joined
from wellhead.detect.signal import Context
from wellhead.gate.record import Recorder
from wellhead.meter.fit import fit
from wellhead.meter.sketch import Sketches
from wellhead.serve.linking import stacked

BUDGET = AlarmBudget(1, 100, 30)
HONEST = 480
ROUNDS = (16, 16, 32)


@cache
def profile():
    sample = np.random.default_rng(0).normal(size=(400, WIDTH)).astype(np.float32)
    answers = Answer(Exposure.PROBABILITIES, predict(sample))
    return fit(sample, answers, ModelSpec(name="m"), np.random.default_rng(0))


def narrow(rng):
    """An endless customer: its own corner of the world, its own width, its own share of repeats."""
    centre, width, repeats = rng.normal(size=WIDTH) * 0.8, rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.6)
    past = []

    def ask(n):
        for _ in range(n):
            again = past and rng.random() < repeats
            past.append(past[rng.integers(len(past))] if again else centre + width * rng.normal(size=WIDTH))
        return np.array(past[-n:], np.float32)

    return ask


def exchange_of(name, inputs, now_s, **caller):
    query = Query("m", inputs, len(inputs), Exposure.PROBABILITIES)
    answer = Answer(Exposure.PROBABILITIES, predict(inputs))
    return Exchange(Caller(principal=name, **caller), query, answer, int(now_s * 1e6), 200, f"{name}-{now_s}")


@cache
def promise(segments=None):
    """Made from the looks of HONEST customers, over all detectors that are installed."""
    rng, held = np.random.default_rng(7), profile()
    looking = Looking(Detectors(context=Context.of(held.space)), Sketches(held.space), 30, segments)
    recorder = Recorder("m", b"k" * 32, lambda _field, value: value)
    customers = {f"h{i}": narrow(rng) for i in range(HONEST)}
    parts = []
    for number, rows in enumerate(ROUNDS):
        now_s = NOW + 3600.0 * number
        some = [exchange_of(n, ask(rows), now_s + i) for i, (n, ask) in enumerate(customers.items())]
        parts += [looking.fold(b, None, now_s) for b in recorder.record(some, held).batches]
    return calibrate(joined(parts), None, BUDGET, looking.detectors)


@cache
def population():
    """The linker's honest principals: the same customers at each of their looks."""
    rng, held = np.random.default_rng(7), profile()
    looking = Looking(Detectors(context=Context.of(held.space)), Sketches(held.space), 30)
    recorder = Recorder("m", b"k" * 32, lambda _field, value: value)
    customers = {f"h{i}": narrow(rng) for i in range(HONEST)}
    parts = []
    for number, rows in enumerate(ROUNDS):
        now_s = NOW + 3600.0 * number
        some = [exchange_of(n, ask(rows), now_s + i) for i, (n, ask) in enumerate(customers.items())]
        for batch in recorder.record(some, held).batches:
            looking.fold(batch, None, now_s)
            parts.append(looking.seen)
    return fit_population(stacked(parts), {}, np.random.default_rng(0))
