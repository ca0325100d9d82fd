"""The contract of detectors: pure, bounded, silent on the ordinary."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wellhead.core.finding import Signal
from wellhead.detect.signal import Detector
from wellhead.meter.sketch import View

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


def check_signal(detector: Detector, hits: Sequence[View] = ()) -> None:
    """Raise AssertionError where a detector breaks its contract. hits: views on which it must speak."""
    for view in ORDINARY:
        if detector.read(view):
            raise AssertionError(f"expected silence on an ordinary customer, got {detector.read(view)[0]!r}")
    if detector.read(View(principal="unseen")):
        raise AssertionError("expected silence on a principal never seen")
    for view in hits:
        _check_hit(detector, msgspec.structs.replace(view, principal="suspect"))


def _check_hit(detector: Detector, view: View) -> None:
    signals = list(detector.read(view))
    if not signals:
        raise AssertionError(f"expected a signal on {view!r}, got none")
    if signals != list(detector.read(view)):
        raise AssertionError("expected the same signals for the same view, got others: a detector is pure")
    for signal in signals:
        _check_form(signal, view)


def _check_form(signal: Signal, view: View) -> None:
    if signal.principal != view.principal or signal.n != view.rows:
        raise AssertionError(f"expected a signal on {view.principal} at {view.rows} rows, got {signal!r}")
    if not 0.0 <= signal.strength <= 1.0:
        raise AssertionError(f"expected strength in 0..1, got {signal.strength}")
    if not (signal.name and signal.detail and signal.atlas):
        raise AssertionError(f"expected a name, a detail in words and ATLAS ids, got {signal!r}")
