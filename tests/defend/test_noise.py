import hashlib
import hmac

import numpy as np
import pytest

from wellhead.core.errors import ConfigError, WellheadError
from wellhead.defend.bounds import cap_l1, keep_argmax
from wellhead.defend.guarantees import Context, Depends
from wellhead.defend.noise import Noise, flat_dirichlet
from wellhead.testing.defences import check_defence

KEY = bytes(range(32))
MARKS = np.array([7, 2**64 - 1], np.uint64)
P = np.array([[0.52, 0.30, 0.18], [0.10, 0.30, 0.60]])


@pytest.mark.parametrize("defence", [Noise(KEY), Noise(KEY, 0.3, "input"), Noise(KEY, 0.0), Noise(KEY, 2.0)])
def test_keeps_the_contract(defence):
    check_defence(defence)


def test_what_is_drawn_against_a_slow_twin():
    for classes in (2, 3, 17):
        seed = hmac.new(KEY, b"wellhead noise 1\0" + b"what", hashlib.sha256).digest()
        stream = hashlib.shake_128(seed).digest(4 * (classes - 1))
        marks = sorted(int.from_bytes(stream[i : i + 4], "little") / 2**32 for i in range(0, len(stream), 4))
        gaps = [b - a for a, b in zip([0.0, *marks], [*marks, 1.0], strict=True)]
        assert flat_dirichlet(KEY, iter([b"what"]), classes).tolist() == [gaps]


def test_these_very_numbers_are_drawn_on_every_machine():
    drawn = flat_dirichlet(KEY, iter([b"a", b"b"]), 4)
    assert (drawn * 2**32).astype(np.uint64).tolist() == [
        [455791683, 1226768434, 26640029, 2585767150],
        [3109831265, 305079115, 25777967, 854278949],
    ]


def test_what_is_drawn_is_flat():
    drawn = flat_dirichlet(KEY, (i.to_bytes(4, "little") for i in range(20_000)), 3)
    assert np.allclose(drawn.mean(axis=0), 1 / 3, atol=0.01)
    # Of a flat Dirichlet over three classes each share has variance 1/18, and is over 1/2 once in four.
    assert np.allclose(drawn.var(axis=0), 1 / 18, atol=0.002)
    assert np.allclose((drawn > 0.5).mean(axis=0), 0.25, atol=0.015)


def test_near_copies_share_their_noise_by_output_and_not_by_input():
    near = P + np.array([[0.001, -0.001, 0.0]])
    by_output, by_input = Noise(KEY, 0.5), Noise(KEY, 0.5, "input")
    assert np.abs(by_output.shape(P, Context()) - by_output.shape(near, Context())).max() < 0.01
    here, there = by_input.shape(P, Context(MARKS)), by_input.shape(near, Context(MARKS + np.uint64(2)))
    assert np.abs(here - there).max() > 0.05


def test_by_output_rows_that_round_to_the_same_tenths_share_their_draw():
    by_output = Noise(KEY, 1.0)
    near = P + np.array([[0.02, -0.02, 0.0], [0.03, 0.01, -0.04]])
    other = P + np.array([[0.05, -0.05, 0.0], [0.0, -0.06, 0.06]])
    drawn = flat_dirichlet(KEY, iter([bytes([5, 3, 2]), bytes([1, 3, 6])]), 3)
    here = by_output.shape(P, Context())
    for rows in (P, near):
        assert (by_output.shape(rows, Context()) == keep_argmax(rows, cap_l1(rows, drawn, 1.0))).all()
    assert (np.abs(here - by_output.shape(near, Context())).max(axis=1) < 0.05).all()
    assert (np.abs(here - by_output.shape(other, Context())).max(axis=1) > 0.05).all()


def test_declares_what_it_is_a_function_of():
    assert Noise(KEY).guarantees.deterministic is Depends.OUTPUT
    assert Noise(KEY, by="input").guarantees.deterministic is Depends.INPUT


@pytest.mark.parametrize("marks", [None, MARKS[:1]])
def test_by_input_needs_a_fingerprint_for_each_row(marks):
    with pytest.raises(WellheadError, match="fingerprint for each row"):
        Noise(KEY, by="input").shape(P, Context(marks))


def test_a_short_key_is_refused():
    with pytest.raises(ConfigError, match="key of 16 bytes or more, got 3"):
        Noise(b"key")


def test_the_key_is_not_shown():
    assert repr(Noise(b"sixteen bytes or")) == "Noise(epsilon=1.0, by='output')"
