"""The contract of detectors: pure, one number a principal, silent where nothing is known, and said in words."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.finding import Signal
from wellhead.detect.signal import KINDS, NEEDS, Detector, shown
from wellhead.meter.sample import SAMPLE
from wellhead.meter.view import View, Views

FEATURES, REGIONS, HOURS = 64, 64, 96
_BLANK = frozenset({"names", "attributes", "hours", "sample", "features", "regions", "moved", "drawn"})
_ALWAYS = frozenset({"rows", "volume_60s", "volume_3600s", "unique_ratio", "first_s", "last_s"})
"""Known of everybody; any other column may be NaN."""


def views(**columns: Any) -> Views:
    """Views with these columns, each (u,) or one number for all; what is not given is NaN, or zeros.

    rows: 1,000 unless given. `hours`, `features`, `regions` and `sample` are (u, width).
    """
    arrays = {name: np.atleast_1d(np.asarray(value)) for name, value in columns.items() if name not in _LISTS}
    sizes = [len(a) for name, a in arrays.items() if len(a) != 1 or name in _BLANK]
    u = max([len(columns.get(name, ())) for name in _LISTS] + sizes, default=1) or (0 if sizes else 1)
    blank: dict[str, Any] = {
        "names": tuple(f"p{i}" for i in range(u)),
        "attributes": (frozenset(),) * u,
        "hours": np.zeros((u, HOURS), np.uint8),
        "sample": np.zeros((u, SAMPLE), np.uint32),
        "features": np.zeros((u, FEATURES), np.float32),
        "regions": np.zeros((u, REGIONS), np.uint8),
    }
    plain = [name for name in Views.__struct_fields__ if name not in _BLANK]
    blank |= {name: np.zeros(u) if name in _ALWAYS else np.full(u, np.nan) for name in plain}
    blank["rows"] = np.full(u, 1000.0)
    lists = {name: tuple(columns[name]) for name in _LISTS if name in columns}
    return Views(**{**blank, **{name: _filled(name, a, u) for name, a in arrays.items()}, **lists})


_LISTS = ("names", "attributes")


def _filled(name: str, column: Array, u: int) -> Array:
    if name in _BLANK:
        return column
    return np.broadcast_to(column.astype(np.float64), (u,)).copy()


def any_views(seed: int, u: int = 60) -> Views:
    """Views of u principals of every kind: 1 to 10^7 rows, absurd clocks, columns unknown here and there."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for name in Views.__struct_fields__:
        if name in _BLANK:
            continue
        column = rng.choice([0.0, 1.0, -1.0, 0.5, 1e-9, 1e6], u) * rng.random(u)
        columns[name] = column if name in _ALWAYS else np.where(rng.random(u) < 0.3, np.nan, column)
    rows = rng.choice([0, 1, 2, 31, 32, 1000, 10_000_000], u).astype(np.float64)
    first = rng.choice([0.0, 1.7e9, 6.8e10], u)
    days: tuple[frozenset[tuple[str, str]], ...] = (
        frozenset({("created_day", "2026-01-31"), ("network", "a"), ("network", "b")}),
        frozenset(),
    )
    return views(
        **columns
        | {
            "rows": rows,
            "placed": np.where(rng.random(u) < 0.3, 0.0, rows),
            "distinct": np.floor(rows * rng.random(u)),
            "requests": np.where(rng.random(u) < 0.3, 0.0, rows),
            "first_s": first,
            "last_s": first + rng.choice([0.0, 60.0, 1e6], u),
            "hours": rng.integers(0, 256, (u, HOURS), dtype=np.uint8) * (rng.random((u, 1)) < 0.5).astype(np.uint8),
            "features": rng.uniform(-1.0, 1.0, (u, FEATURES)).astype(np.float32),
            "regions": rng.integers(0, 256, (u, REGIONS), dtype=np.uint8),
            "attributes": [days[i] for i in rng.integers(0, 2, u)],
            "moved": rng.normal(0.0, 1.0, u),
            "drawn": rng.random(u),
        }
    )


def take(views: Views, rows: Array) -> Views:
    """The Views of these principals, by index."""
    fields = {name: getattr(views, name) for name in Views.__struct_fields__}
    picked = {name: a[rows] for name, a in fields.items() if isinstance(a, np.ndarray)}
    lists: dict[str, Any] = {name: tuple(fields[name][int(i)] for i in rows) for name in _LISTS}
    return msgspec.structs.replace(views, **picked, **lists)


def check_detector(detector: Detector, high: Views | None = None, low: Views | None = None) -> None:
    """Raise AssertionError where a detector breaks its contract.

    high, low: two principals each, the first honest, the second one who must read higher (lower) than it.
    """
    _check_declared(detector)
    for seed in range(3):
        _check_read(detector, any_views(seed))
    _check_read(detector, views())
    _check_read(detector, take(views(), np.arange(0)))
    for side, pair in ((1, high), (-1, low)):
        if pair is not None:
            honest, suspect = detector.read(pair)
            if not side * suspect > side * honest:
                word = "higher" if side > 0 else "lower"
                raise AssertionError(f"{detector.name}: expected {word} than {honest} of the suspect, got {suspect}")


def _check_declared(detector: Detector) -> None:
    name = detector.name
    if not name.isidentifier() or name != name.lower():
        raise AssertionError(f"expected a lower_snake_case name, got {name!r}")
    if detector.kind not in KINDS:
        raise AssertionError(f"{name}: expected a kind of {', '.join(KINDS)}, got {detector.kind!r}")
    if not detector.sides or not set(detector.sides) <= {1, -1}:
        raise AssertionError(f"{name}: expected sides of +1 and -1, got {detector.sides!r}")
    for side, text in ((1, detector.high), (-1, detector.low)):
        if bool(text) != (side in detector.sides):
            raise AssertionError(f"{name}: expected words for just the sides {detector.sides}, got {text!r}")
        text.format(value=shown(detector.unit, 0.5))
    if not (detector.unit and detector.honest and detector.atlas):
        raise AssertionError(f"{name}: expected a unit, who else does so, and ATLAS ids")
    if not set(detector.needs) <= set(NEEDS):
        raise AssertionError(f"{name}: expected needs of {', '.join(NEEDS)}, got {detector.needs!r}")


def _check_read(detector: Detector, views: Views) -> None:
    """One number a principal, the same again, and not another one in other company; never a warning."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        value = detector.read(views)
        again = detector.read(views)
        order = np.arange(len(views))[::-1]
        turned = detector.read(take(views, order))
    if value.shape != (len(views),) or value.dtype != np.float64:
        raise AssertionError(f"{detector.name}: expected float64 ({len(views)},), got {value.dtype} {value.shape}")
    if np.isinf(value).any():
        raise AssertionError(f"{detector.name}: expected finite numbers or NaN, got an infinity")
    if not np.array_equal(value, again, equal_nan=True):
        raise AssertionError(f"{detector.name}: expected the same numbers again, got others: a detector is pure")
    if not np.array_equal(value[order], turned, equal_nan=True):
        raise AssertionError(f"{detector.name}: expected a principal's number whatever its company, got another")


class Ruling(Protocol):
    """What is checked of rules: words on one principal at a time."""

    def read(self, view: View) -> Sequence[Signal]:
        """The hits of one principal."""
        ...


ORDINARY = tuple(
    View(
        principal=f"honest-{rows}-{repeat}",
        rows=rows,
        volume_60s=min(rows, 20.0),
        volume_3600s=min(rows, 400.0),
        unique_ratio=1.0 - repeat,
        full_confidence_ratio=0.6,
        scores_asked_ratio=1.0,
        boundary_ratio=0.05,
        label_evenness=0.7,
        timing_cv=1.2,
        first_s=1.7e9,
        last_s=1.7e9 + 60.0 * rows,
    )
    for rows in (0, 1, 31, 32, 64, 1000, 1_000_000)
    for repeat in (0.25, 0.6, 0.95)
)
"""Views of customers who are nobody's concern: they repeat themselves, pause, and ask at a human pace."""


def check_signal(rules: Ruling, hits: Sequence[View] = ()) -> None:
    """Raise AssertionError where rules break their contract. hits: views on which they must speak."""
    for view in ORDINARY:
        if rules.read(view):
            raise AssertionError(f"expected silence on an ordinary customer, got {rules.read(view)[0]!r}")
    if rules.read(View(principal="unseen")):
        raise AssertionError("expected silence on a principal never seen")
    for view in hits:
        _check_hit(rules, msgspec.structs.replace(view, principal="suspect"))


def _check_hit(rules: Ruling, view: View) -> None:
    signals = list(rules.read(view))
    if not signals:
        raise AssertionError(f"expected a signal on {view!r}, got none")
    if signals != list(rules.read(view)):
        raise AssertionError("expected the same signals for the same view, got others: rules are pure")
    for signal in signals:
        _check_form(signal, view)


def _check_form(signal: Signal, view: View) -> None:
    if signal.principal != view.principal or signal.n != view.rows:
        raise AssertionError(f"expected a signal on {view.principal} at {view.rows} rows, got {signal!r}")
    if not 0.0 <= signal.strength <= 1.0:
        raise AssertionError(f"expected strength in 0..1, got {signal.strength}")
    if not (signal.name and signal.detail and signal.atlas):
        raise AssertionError(f"expected a name, a detail in words and ATLAS ids, got {signal!r}")
