import pytest

from wellhead.core.exposure import Exposure
from wellhead.meter.sketch import Sketches
from wellhead.testing.sketches import check_sketch, rows, traffic


class Forgetful(Sketches):
    """Loses one side of a merge."""

    def merge(self, other):
        return other


class Hasty(Sketches):
    """Counts the last row of a batch only."""

    def update(self, batch):
        super().update(batch.take(slice(len(batch) - 1, None)))


def test_passes_ours():
    check_sketch(Sketches)


@pytest.mark.parametrize("broken", [Forgetful, Hasty])
def test_finds_broken_ones(broken):
    with pytest.raises(AssertionError, match=r"expected .* got"):
        check_sketch(broken)


def test_only_the_declared_fields_must_be_exact():
    check_sketch(Forgetful, exact=())


def test_rows_fills_what_is_not_said():
    batch = rows(["a", "b", "a"], [1, 2, 1], top1=[4, 5, 6])
    assert batch.names == ("a", "b") and batch.principal.tolist() == [0, 1, 0]
    assert batch.asked.tolist() == [Exposure.PROBABILITIES] * 3 and batch.top1 == [4, 5, 6]


def test_traffic_is_the_same_for_the_same_seed():
    assert (traffic(3).fingerprint == traffic(3).fingerprint).all()
    assert (traffic(3).fingerprint != traffic(4).fingerprint).any()
