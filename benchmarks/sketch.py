"""Memory of a quiet principal, and what an event costs the sketches at 10^4 and at 10^6 principals.

The traffic is the hardest there is: every row comes from a principal drawn evenly from all, and nothing is in a cache.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.results import Figure, write
from wellhead.core.batch import TRAITS, Batch
from wellhead.meter.sketch import Sketches
from wellhead.meter.space import Space, fit_space
from wellhead.testing import sketches as canned

BATCH = 1024
BATCHES = 200
START_S = 1.7e9
WIDTH = 48
"""Of the codes: that of vectors and images."""


def batch_of(numbers: Any, rng: np.random.Generator, time_s: float) -> Batch:
    """One row of each of these principals, as the proxy would see it: codes, scores, confidence, four attributes."""
    n = len(numbers)
    names = [f"wh-principal-{i:08d}" for i in numbers]
    attributes = {
        name: frozenset(
            {
                ("organisation", f"organisation-{i % 1000}"),
                ("network", f"{i * 2654435761 % 2**64:016x}"),
                ("agent", f"agent-{i % 50}"),
                ("created_day", f"2026-01-{i % 28:02d}"),
            }
        )
        for name, i in zip(names, numbers, strict=True)
    }
    return canned.rows(
        names,
        rng.integers(0, 2**63, n),
        time_s=time_s + np.sort(rng.random(n)),
        attributes=attributes,
        top1=rng.integers(0, 10, n),
        confidence=rng.random(n).astype(np.float32),
        scores=rng.integers(0, 128, (n, 10)).astype(np.int8),
        codes=rng.integers(-127, 128, (n, WIDTH)).astype(np.int8),
        traits=rng.integers(0, 256, (n, TRAITS)).astype(np.uint8),
        classes=10,
    )


def space() -> Space:
    """A space for such codes."""
    rng = np.random.default_rng(2)
    return fit_space(rng.integers(-127, 128, (1000, WIDTH)).astype(np.int8), np.ones(WIDTH), rng)


def everybody(principals: int) -> Iterator[Batch]:
    """Each principal once."""
    rng = np.random.default_rng(0)
    for start in range(0, principals, 8 * BATCH):
        yield batch_of(range(start, min(start + 8 * BATCH, principals)), rng, START_S)


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def principal_bytes(principals: int = 100_000, queries: int = 10) -> float:
    """Resident bytes a quiet principal, after `queries` rows of each."""
    for batch in everybody(8 * BATCH):
        Sketches(space()).update(batch)
    gc.collect()
    before, sketches = resident(), Sketches(space())
    for _ in range(queries):
        for batch in everybody(principals):
            sketches.update(batch)
    del batch
    gc.collect()
    return (resident() - before) / len(sketches)


def event_us(principals: int) -> float:
    """CPU microseconds an event once all are known, median of batches of BATCH rows."""
    sketches = Sketches(space())
    for batch in everybody(principals):
        sketches.update(batch)
    rng = np.random.default_rng(1)
    spent = []
    for i in range(BATCHES):
        batch = batch_of(rng.choice(principals, BATCH, replace=False).tolist(), rng, START_S + 1.0 + i)
        begun = time.process_time()
        sketches.update(batch)
        spent.append(time.process_time() - begun)
    return statistics.median(spent) / BATCH * 1e6


def _apart(function: Any, *arguments: Any) -> float:
    """In a process of its own, so that no figure inherits another's memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return float(pool.apply(function, arguments))


def rows() -> list[Figure]:
    """The sketches' figures."""
    few, many = _apart(event_us, 10_000), _apart(event_us, 1_000_000)
    return [
        Figure("principal_bytes", round(_apart(principal_bytes), 0), "B"),
        Figure("sketch_us_per_event_1e4", round(few, 3), "us"),
        Figure("sketch_us_per_event_1e6", round(many, 3), "us"),
        Figure("cost_ratio_1e6_1e4", round(many / few, 3), "ratio", "sketch_us_per_event_1e4"),
    ]


def main() -> None:
    """Write the sketches' figures."""
    write("sketch", rows())


if __name__ == "__main__":
    main()
