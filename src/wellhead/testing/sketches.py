"""The contract of sketches: folding in parts and merging is folding all; nothing crashes on an absurd clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import TRAITS, Batch, Visits
from wellhead.core.exposure import Exposure
from wellhead.meter.sketch import Attribute, View
from wellhead.meter.space import Space, fit_space
from wellhead.meter.view import Views

WIDTH = 6
"""Of the codes of canned traffic."""


class Sketch(Protocol):
    """What is checked: columnar state of all principals."""

    @property
    def names(self) -> Sequence[str]:
        """All principals."""
        ...

    def update(self, batch: Batch) -> None:
        """Add a batch."""
        ...

    def visit(self, visits: Visits) -> None:
        """Add HTTP requests."""
        ...

    def merge(self, other: Any) -> Any:
        """A new state, of both."""
        ...

    def view(self, name: str) -> View:
        """What is known of a principal."""
        ...

    def columns(self, names: Sequence[str]) -> Views:
        """What is known of these principals."""
        ...


def rows(
    principals: Sequence[str],
    inputs: Sequence[int] | Array,
    *,
    time_s: Sequence[float] | Array | float = 1.7e9,
    attributes: Mapping[str, frozenset[Attribute]] | None = None,
    **columns: Any,
) -> Batch:
    """A Batch of one-row queries: who asked, and which input. Other columns of Batch by name.

    inputs: (n,) integers, equal where the input was.  time_s: (n,) seconds, or one for all.
    """
    n = len(principals)
    names = tuple(dict.fromkeys(principals))
    number = {name: i for i, name in enumerate(names)}
    defaults: dict[str, Any] = {
        "codes": np.zeros((n, 0), np.int8),
        "traits": np.zeros((n, 0), np.uint8),
        "asked": np.full(n, Exposure.PROBABILITIES, np.uint8),
        "given": np.full(n, Exposure.PROBABILITIES, np.uint8),
        "top1": np.zeros(n, np.int64),
        "confidence": np.full(n, np.nan, np.float32),
        "scores": np.zeros((n, 0), np.int8),
        "score_classes": np.zeros((0, 0), np.uint16),
        "classes": 0,
        "values": np.full(n, np.nan),
    }
    return Batch(
        names=names,
        attributes=tuple((attributes or {}).get(name, frozenset()) for name in names),
        principal=np.array([number[name] for name in principals], dtype=np.int32),
        time_s=np.broadcast_to(np.asarray(time_s, dtype=np.float64), (n,)),
        fingerprint=np.asarray(inputs, dtype=np.uint64),
        **{**defaults, **columns},
    )


def traffic(seed: int, n: int = 600, principals: int = 12) -> Batch:
    """Canned rows of several principals: repeats, near-boundary answers, shared attributes, requests out of order."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, principals, n)
    return rows(
        [f"p{i}" for i in who],
        rng.integers(0, 150 + 50 * who),
        time_s=1.7e9 + rng.integers(0, 9000, n) / 2.0,
        attributes={f"p{i}": frozenset({("network", f"n{i % 3}"), ("agent", f"a{i}")}) for i in range(principals)},
        asked=rng.integers(1, 5, n).astype(np.uint8),
        top1=rng.integers(-1, 10, n),
        confidence=np.where(rng.random(n) < 0.2, np.nan, rng.random(n)).astype(np.float32),
        scores=rng.integers(0, 128, (n, 10)).astype(np.int8),
        codes=np.where(rng.random((n, 1)) < 0.1, 0, rng.integers(-127, 128, (n, WIDTH))).astype(np.int8),
        traits=np.where(rng.random((n, 1)) < 0.1, 0, rng.integers(0, 256, (n, TRAITS))).astype(np.uint8),
    )


def space(seed: int = 0) -> Space:
    """A space for the codes of canned traffic."""
    rng = np.random.default_rng(seed)
    return fit_space(rng.integers(-127, 128, (200, WIDTH)).astype(np.int8), np.ones(WIDTH), rng)


def visits(seed: int, n: int = 200, principals: int = 14) -> Visits:
    """Canned requests of several principals, some of which never ask a row: errors, documentation pages."""
    rng = np.random.default_rng(seed)
    paths = ("/v1/models/m:predict", "/v2/models/m/infer", "/docs", "/v2/health/ready", "/metrics", "/admin")
    return Visits(
        names=tuple(f"p{i}" for i in range(principals)),
        principal=rng.integers(0, principals, n).astype(np.int32),
        time_s=1.7e9 + rng.integers(0, 9000, n) / 2.0,
        status=rng.choice([200, 400, 404, 429, 500], n),
        endpoint=tuple(paths[i] for i in rng.integers(0, len(paths), n)),
    )


def check_sketch(fresh: Callable[[], Sketch], *, exact: Sequence[str] | None = None) -> None:
    """Raise AssertionError where the sketches break their contract.

    exact: fields of Views that must come out equal however the rows were split; None: all but `timing_cv`.
    """
    fields = [f for f in Views.__struct_fields__ if f != "timing_cv"] if exact is None else list(exact)
    for seed in range(5):
        _check_merge(fresh, traffic(seed), visits(seed), fields)
    _check_absurd_times(fresh)


def _check_merge(fresh: Callable[[], Sketch], batch: Batch, requests: Visits, fields: Sequence[str]) -> None:
    """Two folds merged, in either order and in either row order, against one fold of all rows."""
    whole, left, right, backwards = fresh(), fresh(), fresh(), fresh()
    half = len(batch) // 2
    for sketch in (whole, right, backwards):
        sketch.visit(requests)
    whole.update(batch)
    left.update(batch.take(np.arange(half)))
    right.update(batch.take(np.arange(half, len(batch))))
    for part in np.array_split(np.arange(len(batch))[::-1], 7):
        backwards.update(batch.take(part))
    candidates = {"merge(a, b)": left.merge(right), "merge(b, a)": right.merge(left), "the rows backwards": backwards}
    names = sorted(whole.names)
    expected = whole.columns(names)
    for how, candidate in candidates.items():
        got = candidate.columns(names)
        for field in fields:
            _same(getattr(expected, field), getattr(got, field), f"{how}: {field} of {names}")


def _same(expected: Any, got: Any, where: str) -> None:
    if isinstance(expected, np.ndarray):
        # Which of its places an input hash lies in is nobody's business.
        one, other = (np.sort(a, axis=1) if a.dtype == np.uint32 else a for a in (expected, got))
        apart = np.flatnonzero(~np.isclose(one, other, rtol=1e-9, atol=1e-9, equal_nan=True))
        if apart.size:
            raise AssertionError(f"{where}: expected {one.flat[apart[0]]!r}, got {other.flat[apart[0]]!r}")
    elif expected != got:
        raise AssertionError(f"{where}: expected {expected!r}, got {got!r}")


def _check_absurd_times(fresh: Callable[[], Sketch]) -> None:
    """Clocks that run backwards, stand still or show nonsense give finite, non-negative numbers."""
    sketch = fresh()
    for time_s in (1.7e9, 0.0, -5.0, 1e300, math.nan, math.inf, 1.7e9 - 3600.0):
        sketch.update(rows(["p"] * 40, range(40), time_s=time_s, confidence=np.linspace(0, 1, 40, dtype=np.float32)))
    view = sketch.view("p")
    for field in View.__struct_fields__:
        value = getattr(view, field)
        if isinstance(value, float) and not (value >= 0 or (field == "timing_cv" and math.isnan(value))):
            raise AssertionError(f"absurd clock: expected {field} >= 0, got {value!r}")
