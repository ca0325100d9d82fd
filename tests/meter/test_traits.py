import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wellhead.meter.traits import GRAIN, RESIDUE, TEXTURE, TOP, traits

RNG = np.random.default_rng(0)


def share(inputs, trait, **more):
    return (traits(inputs, **more)[:, trait].astype(float) - 1) / TOP


def test_noise_is_rougher_than_a_ramp_and_a_blank_has_no_texture():
    noise, ramp = RNG.normal(size=(20, 400)).astype(np.float32), np.tile(np.arange(400, dtype=np.float32), (20, 1))
    assert share(noise, TEXTURE).mean() == pytest.approx(1.128 / 2, abs=0.02)
    assert share(ramp, TEXTURE).max() < 0.01
    assert share(np.full((3, 400), 7.0), TEXTURE).max() == 0.0


def test_what_alternates_is_as_rough_as_can_be():
    assert share(np.arange(64)[None] % 2, TEXTURE) == 1.0


def test_round_numbers_are_coarser_than_full_precision():
    full = RNG.random((20, 50)).astype(np.float32) + np.float32(1e-7)
    assert share(full, GRAIN).mean() < 0.1
    assert share(np.rint(full * 8) / 8, GRAIN).mean() > 0.85
    assert share(np.zeros((1, 5)), GRAIN) == 1.0


def free_bits(number):
    raw = int(np.float32(number).view(np.uint32)) & 0x7FFFFF
    return 23 if raw == 0 else (raw & -raw).bit_length() - 1


@given(arrays(np.float32, (3, 7), elements=st.floats(width=32)))
def test_grain_equals_the_slow_obvious_twin_and_nothing_crashes(inputs):
    expected = [np.mean([free_bits(v) for v in row]) / 23 for row in inputs]
    assert share(inputs, GRAIN) == pytest.approx(np.array(expected), abs=0.003)


def test_known_traits_are_never_zero_and_unknown_ones_are():
    seen = traits(np.zeros((2, 3), np.float32))
    assert (seen[:, [TEXTURE, GRAIN]] > 0).all() and (seen[:, RESIDUE] == 0).all()
    assert (traits(np.zeros((2, 3), np.float32), np.array([0.0, 1.0]))[:, RESIDUE] == [1, 255]).all()


def test_wide_inputs_are_looked_at_in_part():
    wide = RNG.normal(size=(4, 3, 224, 224)).astype(np.float32)
    assert share(wide, TEXTURE) == pytest.approx(1.128 / 2, abs=0.05)


def test_texts_by_entropy_and_length():
    seen = traits(["aaaa", "The quick brown fox", "", "x" * 100_000])
    assert seen[1, TEXTURE] > seen[0, TEXTURE] == seen[2, TEXTURE] == 1
    assert seen[2, GRAIN] < seen[0, GRAIN] < seen[1, GRAIN] < seen[3, GRAIN]


@pytest.mark.parametrize("inputs", [[], np.zeros((0, 4), np.float32), np.zeros((3, 0), np.float32), np.ones((3, 1))])
def test_empty_and_narrow_inputs(inputs):
    assert traits(inputs).shape == (len(inputs), 3)
