import itertools

import msgspec
import pytest

from wellhead.core.finding import Signal
from wellhead.meter.sketch import View
from wellhead.testing.signals import check_signal

HIT = View(rows=100, unique_ratio=1.0)


class Fake:
    """Speaks on whoever never repeats."""

    def __init__(self, **changes):
        self.changes = changes

    def read(self, view):
        if view.unique_ratio < 0.99:
            return []
        fields = {"name": "fake", "principal": view.principal, "n": view.rows, "value": 1.0, "threshold": 0.99}
        signal = Signal(**fields, strength=0.5, detail="never repeats", atlas=("AML.T0024.002",))
        return [msgspec.structs.replace(signal, **self.changes)]


class Loud:
    """Speaks on everybody."""

    def read(self, view):
        return Fake().read(msgspec.structs.replace(view, unique_ratio=1.0))


class Moody(Fake):
    """Says another thing each time."""

    counter = itertools.count()

    def read(self, view):
        return [msgspec.structs.replace(s, value=float(next(self.counter))) for s in super().read(view)]


def test_passes_a_good_one():
    check_signal(Fake(), [HIT])


@pytest.mark.parametrize(
    ("detector", "why"),
    [
        (Loud(), "silence on an ordinary customer"),
        (Moody(), "pure"),
        (Fake(strength=1.5), "strength in 0..1"),
        (Fake(principal="another"), "signal on suspect"),
        (Fake(n=1), "at 100 rows"),
        (Fake(detail=""), "a detail in words"),
        (Fake(atlas=()), "ATLAS"),
    ],
)
def test_finds_broken_ones(detector, why):
    with pytest.raises(AssertionError, match=why):
        check_signal(detector, [HIT])


def test_a_missed_hit_is_found():
    with pytest.raises(AssertionError, match="expected a signal"):
        check_signal(Fake(), [View(rows=100)])
