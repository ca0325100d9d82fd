import numpy as np
import pytest
from studies import likenesses

from wellhead.redteam.outcome import Likeness
from wellhead.redteam.report.gallery import bars, cell, picture


@pytest.mark.parametrize(
    ("shape", "drawn"),
    [
        ((8, 8), (8, 8)),
        ((1, 8, 8), (8, 8)),
        ((8, 8, 1), (8, 8)),
        ((3, 4, 5), (4, 5, 3)),
        ((4, 5, 3), (4, 5, 3)),
        ((64,), (8, 8)),
        ((30,), (24, 30)),
        ((16,), (24, 16)),
        ((2, 3, 4, 5), (24, 120)),
        ((), (24, 7)),
    ],
    ids=str,
)
def test_inputs_are_drawn_by_their_shape(shape, drawn):
    assert picture(np.linspace(0, 1, int(np.prod(shape)) if shape else 7), shape).shape == drawn


def test_colours_stay_with_their_pixels():
    planes = np.zeros((3, 2, 2))
    planes[1] = 1
    assert (picture(planes.ravel(), (3, 2, 2)) == [0, 1, 0]).all()


def test_a_shape_that_does_not_fit_is_bars():
    assert picture(np.zeros(5), (2, 3)).shape == (24, 5)


def test_bars_are_as_high_as_their_values():
    assert (bars(np.array([0, 0.5, 1, np.nan])) < 0.5).sum(axis=0).tolist() == [0, 12, 24, 0]


def test_a_cell_tells_similarity_and_confidence_only_where_known():
    known = cell(likenesses()[3])
    assert (
        known.name == "3"
        and known.beside.startswith("data:image/png")
        and not known.bars
        and "confidence 0.990" in known.words
    )
    bare = cell(Likeness(name="a", shape=(2,), pixels=(0.3, 0.3)))
    assert (bare.beside, bare.words) == ("", "") and bare.picture and bare.bars
    assert cell(Likeness(name="a", shape=(0,), pixels=())).picture == ""
