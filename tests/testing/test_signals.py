import itertools
from typing import ClassVar

import msgspec
import numpy as np
import pytest

from wellhead.core.finding import Signal
from wellhead.detect.signals.unique import Unique
from wellhead.meter.view import View
from wellhead.testing.signals import any_views, check_detector, check_signal, take, views

HIT = View(rows=100, unique_ratio=1.0)


class Good(msgspec.Struct, frozen=True):
    """Reads one column."""

    name: ClassVar[str] = "good"
    kind: ClassVar[str] = "novelty"
    unit: ClassVar[str] = "number"
    sides: ClassVar[tuple[int, ...]] = (1,)
    high: ClassVar[str] = "{value} of it"
    low: ClassVar[str] = ""
    honest: ClassVar[str] = "everybody"
    needs: ClassVar[tuple[str, ...]] = ()
    atlas: ClassVar[tuple[str, ...]] = ("AML.T0024",)

    def read(self, views):
        return views.unique_ratio


def bad(**changes):
    """Good with other declarations, or another reading."""
    return type("Bad", (Good,), changes)()


def test_a_good_detector_passes():
    check_detector(Good(), high=views(unique_ratio=[0.1, 0.9]))
    check_detector(Unique(), low=views(unique_ratio=[0.9, 0.1]))


counter = itertools.count()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "Two Words"}, "lower_snake_case"),
        ({"kind": "gossip"}, "expected a kind"),
        ({"sides": ()}, "expected sides"),
        ({"sides": (1, -1)}, "words for just the sides"),
        ({"low": "less of it"}, "words for just the sides"),
        ({"honest": ""}, "who else does so"),
        ({"needs": ("luck",)}, "expected needs"),
        ({"read": lambda self, v: np.float64(1.0).reshape(1)}, "expected float64"),
        ({"read": lambda self, v: np.zeros(len(v), np.int64)}, "expected float64"),
        ({"read": lambda self, v: np.full(len(v), np.inf)}, "finite numbers or NaN"),
        ({"read": lambda self, v: np.full(len(v), float(next(counter)))}, "a detector is pure"),
        ({"read": lambda self, v: np.cumsum(v.unique_ratio) * 1.0}, "whatever its company"),
    ],
)
def test_broken_ones_are_found(changes, why):
    with pytest.raises(AssertionError, match=why):
        check_detector(bad(**changes))


def test_a_missed_suspect_is_found():
    with pytest.raises(AssertionError, match="expected higher"):
        check_detector(Good(), high=views(unique_ratio=[0.9, 0.1]))
    with pytest.raises(AssertionError, match="expected lower"):
        check_detector(Unique(), low=views(unique_ratio=[0.1, 0.9]))


def test_views_fill_what_is_not_given():
    two = views(unique_ratio=[0.1, 0.2], names=["a", "b"], placed=7)
    assert two.names == ("a", "b")
    assert two.placed.tolist() == [7.0, 7.0]
    assert two.rows.tolist() == [1000.0, 1000.0]
    assert np.isnan(two.far).all()
    assert two.hours.shape == (2, 96)
    assert two.moved is None
    assert len(views()) == 1
    assert len(views(unique_ratio=[])) == 0
    assert len(views(features=np.zeros((3, 64)))) == 3


def test_any_views_and_some_of_them():
    crowd = any_views(1, 40)
    assert len(crowd) == 40
    some = take(crowd, np.array([3, 1]))
    assert some.names == ("p3", "p1")
    assert some.features.shape == (2, 64)
    assert some.rows[0] == crowd.rows[3]


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


def test_passes_good_rules():
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
def test_finds_broken_rules(detector, why):
    with pytest.raises(AssertionError, match=why):
        check_signal(detector, [HIT])


def test_a_missed_hit_is_found():
    with pytest.raises(AssertionError, match="expected a signal"):
        check_signal(Fake(), [View(rows=100)])
