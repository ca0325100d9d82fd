import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from serving import WIDTH, predict

from wellhead.core.event import Answer, ModelSpec
from wellhead.core.exposure import Exposure
from wellhead.gate.novelty import left, over
from wellhead.meter.fit import fit
from wellhead.meter.ledger import from_answers
from wellhead.meter.reading import Reading, read

RNG = np.random.default_rng(4)
SAMPLE = RNG.normal(size=(400, WIDTH)).astype(np.float32)
PROFILE = fit(SAMPLE, Answer(Exposure.PROBABILITIES, predict(SAMPLE)), ModelSpec(name="m"), np.random.default_rng(0))


def reading(bits, rows=10):
    return Reading(rows=rows, replication=0.5, attainable=0.9, floor=0.1, bits=bits, by="scores", within=0.5)


def prices(phi):
    """The slow twin: what each row costs when it comes, by the inverse of all before it."""
    A, found = np.eye(phi.shape[1]), []
    for row in phi:
        found.append(0.5 * np.log2(1.0 + row @ np.linalg.inv(A) @ row))
        A += np.outer(row, row)
    return found


inputs = arrays(np.float32, st.tuples(st.integers(1, 12), st.just(WIDTH)), elements=st.floats(-3, 3, width=16))


@given(inputs, st.randoms(use_true_random=False))
def test_the_quota_is_the_sum_of_what_every_row_costs_in_whatever_order(x, order):
    phi = PROFILE.features(PROFILE.code(x))
    whole = read(from_answers(PROFILE, phi, np.zeros(len(phi), np.int64)), PROFILE).bits
    mixed = list(range(len(phi)))
    order.shuffle(mixed)
    assert sum(prices(phi)) == pytest.approx(whole, abs=1e-6)
    assert sum(prices(phi[mixed])) == pytest.approx(whole, abs=1e-6)


def test_a_repeat_costs_ever_less_than_new_ground():
    phi = PROFILE.features(PROFILE.code(SAMPLE[:2]))
    again = prices(np.concatenate([np.repeat(phi[:1], 20, axis=0), phi[1:]]))
    assert again[:20] == sorted(again[:20], reverse=True)
    assert again[20] > 5 * again[19]


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_quota_speaks_just_when_it_is_reached(bits, most):
    signal = over(reading(bits), ("ann",), "", most)
    assert (signal is not None) == (most > 0 and bits >= most)
    assert 0.0 <= left(reading(bits), most) <= 1.0
    assert (left(reading(bits), most) == 0.0) == (signal is not None)


def test_what_is_said_speaks_of_bits():
    alone = over(reading(1234.5, 70), ("ann",), "", 1000.0)
    assert "70 answers given to this principal carry 1,234 bits of information (of 1,000 agreed)" in alone.detail
    assert (alone.name, alone.principal, alone.members, alone.value) == ("novelty", "ann", (), 1234.5)
    group = over(reading(1234.5), ("a", "b", "c"), "shared agent x", 1000.0)
    assert "3 principals (shared agent x)" in group.detail and group.members == ("a", "b", "c")
