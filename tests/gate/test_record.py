import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.batch import from_events
from wellhead.core.codec import decode, encode, log_scores
from wellhead.core.event import ROWS_PER_EVENT, Answer, Caller, Exchange, Query
from wellhead.core.exposure import Exposure
from wellhead.gate.record import Recorder, fingerprints, network_of, probabilities

KEY = b"k" * 32


def recorder():
    return Recorder(model="m", key=KEY, pseudonym=lambda field, value: f"{field}:{len(value)}" if value else "")


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
    events = recorder().events(x, codes, "p1")
    batch = from_events([decode(encode(e)) for e in events])
    assert len(batch) == rows == sum(e.rows for e in events)
    assert [e.part for e in events] == list(range(len(events)))
    assert (batch.codes == codes).all()
    assert (batch.fingerprint == fingerprints(x.query.inputs, KEY)).all()
    assert (batch.top1 == x.answer.top1).all()
    assert np.allclose(log_scores(batch.scores), np.log(np.maximum(x.answer.scores, 1e-3)), atol=0.03)
    assert (batch.given == int(Exposure.PROBABILITIES)).all()


def test_a_full_event_fits_into_a_log_entry():
    x = exchange(ROWS_PER_EVENT, k=1000)
    (event,) = recorder().events(x, np.full((ROWS_PER_EVENT, 256), -128, np.int8), "p1")
    assert len(encode(event)) <= 65_535
    assert from_events([event]).score_classes.shape == (ROWS_PER_EVENT, 32)


def test_personal_values_enter_only_as_tokens():
    (event,) = recorder().events(exchange(1), None, "")
    assert b"192.0.2" not in encode(event)
    assert b"curl" not in encode(event)
    assert event.organisation == "acme"


def test_a_refused_request_is_one_event_without_answer():
    x = exchange(2)
    x.answer, x.status = None, 429
    (event,) = recorder().events(x, None, "")
    assert (event.status, event.rows, event.given, event.fingerprints, event.scores) == (429, 2, 0, "", "")
    x.query = None
    assert recorder().events(x, None, "")[0].rows == 0


def test_labels_and_values_are_kept():
    x = exchange(2)
    x.answer = Answer(Exposure.LABEL, labels=np.array([2, 0]))
    assert recorder().events(x, None, "")[0].top1 == (2, 0)
    x.answer = Answer(Exposure.VALUE, values=np.array([0.1, 1e300]))
    batch = from_events(recorder().events(x, None, ""))
    assert batch.values.tolist() == [0.1, 1e300]


def test_the_same_input_has_the_same_fingerprint_whatever_its_batch():
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert fingerprints(a, KEY)[1] == fingerprints(a[1:2], KEY)[0]
    assert fingerprints(a.reshape(3, 2, 2), KEY).tolist() == fingerprints(a, KEY).tolist()
    assert fingerprints(a, b"other" * 4)[0] != fingerprints(a, KEY)[0]
    assert len(set(fingerprints(["x", "y", "x"], KEY).tolist())) == 2


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.77", "192.0.2.0/24"), ("2001:db8:1:2::7", "2001:db8:1::/48"), ("unix", ""), ("", "")],
)
def test_networks(address, network):
    assert network_of(address) == network


def test_logits_become_probabilities():
    p = probabilities(Answer(Exposure.LOGITS, np.array([[1000.0, 0.0], [0.0, 0.0]])))
    assert p == pytest.approx(np.array([[1.0, 0.0], [0.5, 0.5]]))
