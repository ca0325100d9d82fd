import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.batch import from_events
from wellhead.core.codec import decode, encode, log_scores
from wellhead.core.errors import ProfileError
from wellhead.core.event import ROWS_PER_EVENT, Answer, Caller, Exchange, Query
from wellhead.core.exposure import Exposure
from wellhead.gate.record import Recorder, fingerprints, network_of, probabilities
from wellhead.meter.traits import traits

KEY = b"k" * 32


class Fixed:
    """A profile whose codes are given."""

    id = "p1"

    def __init__(self, codes):
        self.codes = codes

    def measure(self, inputs):
        if len(inputs) != len(self.codes):
            raise ProfileError("expected other inputs")
        return self.codes, np.full(len(inputs), 0.5)


def recorder():
    return Recorder("m", KEY, lambda field, value: f"{field}:{len(value)}" if value else "")


def events_of(x, codes=None):
    return recorder().record([x], None if codes is None else Fixed(codes)).events[0]


def exchange(rows, k=3, kind=Exposure.PROBABILITIES):
    rng = np.random.default_rng(rows)
    answer = Answer(kind, rng.dirichlet(np.ones(k), rows))
    query = Query("m", rng.normal(size=(rows, 5)).astype(np.float32), rows, Exposure.PROBABILITIES)
    caller = Caller(principal="ann", address="192.0.2.77", agent="curl", organisation="acme")
    return Exchange(caller, query, answer, time_us=5, status=200, request="r", true_answer=answer)


@given(st.integers(1, 3 * ROWS_PER_EVENT + 1))
def test_rows_survive_the_way_through_stored_bytes(rows):
    x = exchange(rows)
    codes = np.arange(rows * 4, dtype=np.int64).reshape(rows, 4).astype(np.int8)
    events = events_of(x, codes)
    batch = from_events([decode(encode(e)) for e in events])
    assert len(batch) == rows == sum(e.rows for e in events)
    assert [e.part for e in events] == list(range(len(events)))
    assert (batch.codes == codes).all()
    assert (batch.traits == traits(x.query.inputs, np.full(rows, 0.5))).all()
    assert (batch.fingerprint == fingerprints(x.query.inputs, KEY)).all()
    assert (batch.top1 == x.answer.top1).all()
    assert np.allclose(log_scores(batch.scores), np.log(np.maximum(x.answer.scores, 1e-3)), atol=0.03)
    assert (batch.given == int(Exposure.PROBABILITIES)).all()


def test_a_full_event_fits_into_a_log_entry():
    x = exchange(ROWS_PER_EVENT, k=1000)
    (event,) = events_of(x, np.full((ROWS_PER_EVENT, 256), -128, np.int8))
    assert len(encode(event)) <= 65_535
    assert from_events([event]).score_classes.shape == (ROWS_PER_EVENT, 32)


def test_personal_values_enter_only_as_tokens():
    (event,) = events_of(exchange(1))
    assert b"192.0.2" not in encode(event)
    assert b"curl" not in encode(event)
    assert event.organisation == "acme"


def test_a_refused_request_is_one_event_without_answer():
    x = exchange(2)
    x.answer, x.status = None, 429
    (event,) = events_of(x)
    assert (event.status, event.rows, event.given, event.fingerprints, event.scores) == (429, 2, 0, "", "")
    x.query = None
    assert events_of(x)[0].rows == 0


def test_labels_and_values_are_kept():
    x = exchange(2)
    x.answer = Answer(Exposure.LABEL, labels=np.array([2, 0]))
    assert events_of(x)[0].top1 == (2, 0)
    x.answer = Answer(Exposure.VALUE, values=np.array([0.1, 1e300]))
    batch = from_events(events_of(x))
    assert batch.values.tolist() == [0.1, 1e300]


def test_the_same_input_has_the_same_fingerprint_whatever_its_batch():
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert fingerprints(a, KEY)[1] == fingerprints(a[1:2], KEY)[0]
    assert fingerprints(a.reshape(3, 2, 2), KEY).tolist() == fingerprints(a, KEY).tolist()
    assert fingerprints(a, b"other" * 4)[0] != fingerprints(a, KEY)[0]
    assert len(set(fingerprints(["x", "y", "x"], KEY).tolist())) == 2


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("unix", ""),
        ("", ""),
    ],
)
def test_networks(address, network):
    assert network_of(address) == network


def test_logits_become_probabilities():
    p = probabilities(Answer(Exposure.LOGITS, np.array([[1000.0, 0.0], [0.0, 0.0]])))
    assert p == pytest.approx(np.array([[1.0, 0.0], [0.5, 0.5]]))


MIXED = {
    "probabilities": lambda n: Answer(Exposure.PROBABILITIES, np.random.default_rng(n).dirichlet(np.ones(3), n)),
    "many classes": lambda n: Answer(Exposure.PROBABILITIES, np.random.default_rng(n).dirichlet(np.ones(50), n)),
    "labels": lambda n: Answer(Exposure.LABEL, labels=np.arange(n) % 3),
    "label and one-hot": lambda n: Answer(Exposure.LABEL, np.eye(3)[np.arange(n) % 3], np.arange(n) % 3),
    "logits": lambda n: Answer(Exposure.LOGITS, np.random.default_rng(n).normal(size=(n, 3))),
    "values": lambda n: Answer(Exposure.VALUE, values=np.linspace(0, 1, n)),
    "refused": lambda n: None,
}


@given(st.lists(st.tuples(st.sampled_from(sorted(MIXED)), st.integers(1, 70), st.sampled_from("ab")), max_size=12))
def test_live_columns_equal_those_unpacked_from_the_stored_events(asked):
    """The fast way (columns at hand) against the slow obvious one (every stored event unpacked)."""
    exchanges = []
    for kind, rows, name in asked:
        x = exchange(rows)
        x.answer, x.caller = MIXED[kind](rows), Caller(principal=name, address="192.0.2.1")
        exchanges.append(x)
    recorded = recorder().record(exchanges, None)
    assert len(recorded.events) == len(exchanges)
    live = {}
    for batch in recorded.batches:
        for row in range(len(batch)):
            one = batch.take(np.array([row]))
            live.setdefault((batch.names[int(one.principal[0])], int(one.fingerprint[0])), []).append(one)
    stored = [decode(encode(e)) for made in recorded.events for e in made if e.given]
    assert sum(e.rows for e in stored) == sum(len(b) for b in recorded.batches)
    for event in stored:
        batch = from_events([event])
        for row in range(len(batch)):
            one = batch.take(np.array([row]))
            twins = live[event.principal, int(one.fingerprint[0])]
            assert any(_equal(one, twin) for twin in twins)


def _equal(a, b):
    fields = ("time_s", "codes", "traits", "asked", "given", "top1", "confidence", "scores", "score_classes", "values")
    same = (np.array_equal(getattr(a, f), getattr(b, f), equal_nan=getattr(a, f).dtype.kind == "f") for f in fields)
    return all(same) and a.classes == b.classes


def test_an_exchange_of_another_shape_does_not_spoil_the_others():
    wide, narrow = exchange(2), exchange(3)
    narrow.query = Query("m", np.zeros((3, 2), np.float32), 3, Exposure.PROBABILITIES)
    recorded = recorder().record([wide, narrow], Fixed(np.zeros((2, 4), np.int8)))
    assert [c is None for c in recorded.codes] == [False, True]
    assert sorted(b.codes.shape for b in recorded.batches) == [(2, 4), (3, 0)]


ODD = st.sampled_from([0.0, -0.0, 1.5, -2.0, np.inf, -np.inf, np.nan])


@given(st.lists(st.lists(ODD, min_size=3, max_size=3), min_size=1, max_size=4), st.data())
def test_numbers_that_are_equal_have_one_fingerprint_whatever_their_bits(rows, data):
    told = np.array(rows, np.float32)
    bits = told.view(np.uint32).copy()
    bits[told == 0] = data.draw(st.sampled_from([0, 0x80000000]))
    bits[np.isnan(told)] = data.draw(st.sampled_from([0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FC12345]))
    same = bits.view(np.float32)
    assert fingerprints(same, KEY).tolist() == fingerprints(told, KEY).tolist()
    assert fingerprints(told.astype(np.float64), KEY).tolist() == fingerprints(told, KEY).tolist()
    known = {tuple(0.0 if x == 0 else str(x) for x in row) for row in told.tolist()}
    assert len(set(fingerprints(told, KEY).tolist())) == len(known)


def test_the_inputs_that_are_hashed_stay_as_they_came():
    told = np.array([[-0.0, np.nan]], np.float32)
    before = told.tobytes()
    fingerprints(told, KEY)
    assert told.tobytes() == before


def test_inputs_are_compared_in_single_precision():
    near = np.array([[1_700_000_000, 16_777_216], [1_700_000_001, 16_777_217], [1_700_000_200, 16_777_216]])
    first, second, third = fingerprints(near, KEY).tolist()
    assert first == second != third


def test_a_fingerprint_is_keyed_blake2b_of_little_endian_single_precision():
    row = np.array([[1.5, -2.0, 0.0]])
    hashed = hashlib.blake2b(row.astype("<f4").tobytes(), digest_size=8, key=KEY).digest()
    assert fingerprints(row, KEY).tolist() == [int.from_bytes(hashed, "little")]
    assert len(fingerprints(np.zeros((2, 0)), KEY)) == 2 and not len(fingerprints(np.zeros((0, 3)), KEY))
