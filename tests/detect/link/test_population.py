import msgspec
import numpy as np
import pytest

from wellhead.core.errors import ProfileError
from wellhead.detect.link.fit import fit_population
from wellhead.detect.link.population import (
    BANDS,
    KEPT,
    Population,
    bands,
    blurred,
    named,
    rows_of,
    visible,
)
from wellhead.detect.link.source import MOST_ROWS


def test_bands_are_powers_of_two():
    band, part = bands(np.array([1, 16, 31, 32, 255, 256, 1024, 10**7]))
    assert band.tolist() == [0, 0, 0, 1, 3, 4, 6, 6]
    assert part[[0, 1, 3, 5, 6, 7]].tolist() == [0.0] * 6
    assert part[4] == pytest.approx(np.log2(255 / 128))


def test_the_busiest_are_no_more_certain_than_the_looks_they_are_compared_with():
    seed = np.arange(4000, dtype=np.uint32)
    noise = blurred(seed, np.full(4000, 4.0 * MOST_ROWS), 3)
    assert noise.var() == pytest.approx(0.75 / MOST_ROWS, rel=0.1)
    assert not blurred(seed, np.full(4000, float(MOST_ROWS)), 3).any()
    assert np.array_equal(noise[7:8], blurred(seed[7:8], np.array([4.0 * MOST_ROWS]), 3))


def test_survives_its_bytes(scene):
    again = Population.from_bytes(scene.population.to_bytes())
    points = [p.points(scene.views()) for p in (scene.population, again)]
    assert np.array_equal(points[0].inputs, points[1].inputs)
    assert np.array_equal(again.looks.hashes, scene.population.looks.hashes)
    assert again.segments == ("all",)


def test_edited_bytes_are_refused(scene):
    data = bytearray(scene.population.to_bytes())
    data[-1] ^= 1
    with pytest.raises(ProfileError, match="cut or edited"):
        Population.from_bytes(bytes(data))


def test_looks_are_few_and_of_every_band(scene):
    counts = np.bincount(scene.population.looks.band, minlength=BANDS)
    assert (counts[:5] > 0).all()
    assert counts.max() <= KEPT


def test_whoever_asked_little_or_was_not_coded_is_not_seen(scene):
    views = scene.views()
    few = views.placed.astype(float)
    few[:3] = (15, 0, np.nan)
    assert visible(msgspec.structs.replace(views, placed=few))[0] == 3


def test_answers_without_scores_say_nothing(scene):
    views = msgspec.structs.replace(scene.views(), confidence=np.full(len(scene.people), np.nan))
    assert np.isfinite(scene.population.points(views).answers).all()
    looks = msgspec.structs.replace(scene.looks, confidence=np.full(len(scene.looks), np.nan))
    fitted = fit_population(looks, lambda _: "", np.random.default_rng(0))
    assert np.isfinite(fitted.points(views).answers).all()


def test_rows_are_picked_by_mask_and_index(scene):
    views = scene.views()
    mask = np.zeros(len(views), bool)
    mask[[2, 5]] = True
    assert rows_of(views, mask).names == rows_of(views, np.array([2, 5])).names == (views.names[2], views.names[5])


def test_unknown_segments_are_minus_one():
    assert named(("a", "b"), {"a": "x"}, ("x", "y")).tolist() == [0, -1]
    assert named(("a",), None, ("x",)).tolist() == [-1]
