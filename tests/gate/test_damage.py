import pytest

from wellhead.gate.damage import FARTHEST, next_look


def test_the_next_look_is_never_far():
    assert next_look(100, -0.5, True) == pytest.approx(120)
    assert next_look(100, 0.8, True) == pytest.approx(200)
    assert next_look(10_000, 0.8, True) == 10_000 + FARTHEST
    assert next_look(10_000, 0.8, False) == 20_000
