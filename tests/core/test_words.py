import pytest

from wellhead.core.words import chance, count, drawn, share


@pytest.mark.parametrize(
    ("p", "said"),
    [(1.0, "p = 1.00"), (0.1, "p = 0.10"), (1 / 329, "p = 1/329"), (1e-12, "p = 1/1,000,000,000,000")]
    + [(p, "p below 1/10^12") for p in (9e-13, 1e-84, 0.0)],
)
def test_one_floor_for_every_chance(p, said):
    assert chance(p) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(-1.0, "-"), (0.0, "0.0 %"), (0.902, "90.2 %"), (0.997, "99.7 %"), (0.9996, "99.9 %"), (1.0, "100.0 %")],
)
def test_only_what_is_whole_is_shown_as_whole(value, said):
    assert share(value) == said


def test_one_is_singular():
    assert [count(n, "line") for n in (0, 1, 2000)] == ["0 lines", "1 line", "2,000 lines"]


def test_what_was_drawn_is_an_estimate_or_a_lower_bound():
    assert drawn(0.712, 0.9996, False) == "an estimated 71.2 % of the model (of 99.9 % attainable)"
    assert drawn(0.712, 0.94, True) == "at least 71.2 % of the model (of 94.0 % attainable)"
