import pytest

from wellhead.detect.replication import Replication
from wellhead.meter.reading import Reading


def reading(replication):
    return Reading(
        rows=900, replication=replication, attainable=0.9, floor=0.1, bits=1e3, by="scores", within=replication
    )


@pytest.mark.parametrize(("replication", "speaks"), [(0.1, False), (0.73, False), (0.75, True), (0.95, True)])
def test_speaks_from_the_limit_on(replication, speaks):
    assert (Replication(0.8, 1.1).judge(reading(replication), ("p",)) is not None) == speaks


def test_a_group_has_its_own_limit():
    limit = Replication(max_drawn=0.9, max_drawn_group=0.5)
    assert limit.judge(reading(0.6), ("a",)) is None
    signal = limit.judge(reading(0.6), ("a", "b", "c"), "shared network 1")
    assert signal is not None
    assert (signal.principal, signal.members, signal.threshold) == ("", ("a", "b", "c"), 0.5)
    assert "3 principals (shared network 1)" in signal.detail
    assert "an estimated 60.0 % of the model (of 90.0 % attainable)" in signal.detail


def test_one_principal_is_named():
    signal = Replication().judge(reading(0.9), ("p",))
    assert signal is not None
    assert (signal.principal, signal.members, signal.n, signal.strength) == ("p", (), 900, 1.0)


def test_nobody_is_never_accused():
    assert Replication(0.0, 0.0).judge(reading(0.9), ()) is None


def test_a_reading_that_is_not_a_number_says_nothing():
    assert Replication().judge(reading(float("nan")), ("p",)) is None
