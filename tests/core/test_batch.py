import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.batch import ATTRIBUTES, from_events, visits_of
from wellhead.core.codec import pack, unpack
from wellhead.core.errors import AuditError
from wellhead.core.event import Event

WIDE, FEW, CODED = 32, 4, 5


@st.composite
def events(draw, wide=None):
    """One answered event, with or without each of its columns."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = draw(st.integers(1, 5))
    has = {w: draw(st.booleans()) for w in ("codes", "scores", "values", "top1", "fingerprints", *ATTRIBUTES)}
    wide = draw(st.booleans()) if wide is None else wide
    columns = {}
    if has["codes"]:
        columns["codes"] = pack(rng.integers(-128, 128, (rows, CODED), np.int8))
    if has["fingerprints"]:
        columns["fingerprints"] = pack(rng.integers(0, 2**63, rows).astype("<u8"))
    if has["top1"]:
        columns["top1"] = tuple(rng.integers(0, 9, rows).tolist())
    if has["values"]:
        columns["values"] = tuple(repr(v) for v in rng.normal(size=rows).tolist())
    if has["scores"]:
        columns["scores"] = pack(rng.integers(0, 128, (rows, WIDE if wide else FEW), np.int8))
        columns["classes"] = 100 if wide else FEW
        columns["confidence_pm"] = tuple(rng.integers(0, 1001, rows).tolist())
    if has["scores"] and wide:
        columns["score_classes"] = pack(rng.integers(0, 100, (rows, WIDE)).astype("<u2"))
    columns |= {a: f"{a}-{draw(st.integers(0, 2))}" for a in ATTRIBUTES if has[a]}
    return Event(
        request=str(draw(st.integers(0, 9))), part=draw(st.integers(0, 3)), time_us=draw(st.integers(0, 2**52)),
        principal=draw(st.sampled_from(["ann", "bob", "cem"])), model="m", rows=rows, status=200,
        asked=draw(st.integers(0, 5)), given=draw(st.integers(0, 5)), **columns,
    )  # fmt: skip


def row_of(event, column, dtype, r, width):
    """One row of a packed column, zeros where the event has none."""
    text = getattr(event, column)
    found = unpack(text, dtype, event.rows)[r].tolist() if text else []
    return found + [0] * (width - len(found))


def obvious(batch, i, event, r):
    """What row i must say, worked out alone."""
    assert batch.names[batch.principal[i]] == event.principal
    assert batch.time_s[i] == event.time_us / 1e6
    assert (batch.asked[i], batch.given[i]) == (event.asked, event.given)
    assert batch.fingerprint[i] == row_of(event, "fingerprints", "<u8", r, 1)[0]
    assert batch.codes[i].tolist() == row_of(event, "codes", "|i1", r, batch.codes.shape[1])
    assert batch.scores[i].tolist() == row_of(event, "scores", "|i1", r, batch.scores.shape[1])
    assert batch.top1[i] == (event.top1[r] if event.top1 else -1)
    confidence = event.confidence_pm[r] / 1000 if event.confidence_pm else np.nan
    assert batch.confidence[i] == pytest.approx(confidence, nan_ok=True)
    assert batch.values[i] == pytest.approx(float(event.values[r]) if event.values else np.nan, nan_ok=True)
    if batch.score_classes.shape[0]:
        assert batch.score_classes[i].tolist() == row_of(event, "score_classes", "<u2", r, WIDE)


@given(st.booleans().flatmap(lambda wide: st.lists(events(wide), max_size=6)))
def test_columns_say_row_by_row_what_the_events_say(some):
    batch = from_events(some)
    rows = [(event, r) for event in some for r in range(event.rows)]
    assert len(batch) == len(rows)
    for i, (event, r) in enumerate(rows):
        obvious(batch, i, event, r)
    assert batch.classes == max((e.classes for e in some), default=0)


@given(st.lists(events(), max_size=6))
def test_a_model_that_gained_classes_is_padded_with_the_floor(some):
    batch = from_events(some)
    for i, (event, r) in enumerate((e, r) for e in some for r in range(e.rows)):
        obvious(batch, i, event, r)


@given(st.lists(events(), max_size=6))
def test_names_attributes_and_counts(some):
    batch = from_events(some)
    assert batch.names == tuple(dict.fromkeys(e.principal for e in some))
    for name, attributes, count in zip(batch.names, batch.attributes, batch.counts(), strict=True):
        own = [e for e in some if e.principal == name]
        assert attributes == {(a, getattr(e, a)) for e in own for a in ATTRIBUTES if getattr(e, a)}
        assert count == sum(e.rows for e in own)


@given(st.lists(events(), min_size=1, max_size=6), st.data())
def test_taking_rows_takes_them_from_every_column(some, data):
    batch = from_events(some)
    rows = np.array(data.draw(st.lists(st.integers(0, len(batch) - 1), max_size=8)), dtype=np.int64)
    taken = batch.take(rows)
    assert (taken.names, taken.attributes, taken.classes) == (batch.names, batch.attributes, batch.classes)
    assert len(taken) == len(rows)
    for column in ("principal", "time_s", "fingerprint", "codes", "scores", "top1", "values", "confidence"):
        np.testing.assert_array_equal(getattr(taken, column), getattr(batch, column)[rows])


def test_a_mask_takes_rows_too():
    batch = from_events([event(top1=(4, 5, 6), rows=3)])
    assert batch.take(np.array([True, False, True])).top1.tolist() == [4, 6]


def test_nothing_is_a_batch_of_no_rows():
    batch = from_events([])
    assert (len(batch), batch.names, batch.counts()) == (0, (), [])
    assert batch.codes.shape == (0, 0)
    assert len(batch.take(np.array([], dtype=np.int64))) == 0


def test_classes_are_named_only_where_there_are_more_than_are_kept():
    assert from_events([event(scores=pack(np.zeros((1, 3), np.int8)))]).score_classes.shape == (0, 0)


def event(**fields):
    return Event(
        **({"request": "r", "time_us": 1, "principal": "ann", "model": "m", "rows": 1, "status": 200} | fields)
    )


@pytest.mark.parametrize(
    "damaged",
    [
        [event(rows=2, top1=(1,))],
        [event(rows=1, confidence_pm=(1, 2))],
        [event(values=("a few",))],
        [event(codes="AAA")],
        [event(traits="AAAA"), event(traits="AAAAAAAA")],
        [event(traits="AAAAAAAA")],
        [event(rows=2, fingerprints=pack(np.zeros(3, "<u8")))],
        [event(rows=1, fingerprints=pack(np.zeros(2, "<u8")))],
        [event(codes=pack(np.zeros((1, 4), np.int8))), event(codes=pack(np.zeros((1, 6), np.int8)))],
        [event(rows=0, codes="AAAA")],
    ],
)
def test_columns_that_do_not_fit_their_rows_are_damage(damaged):
    with pytest.raises(AuditError, match="expected"):
        from_events(damaged)


def test_traits_of_events_without_them_are_unknown():
    batch = from_events([event(traits=pack(np.array([[1, 2, 3]], np.uint8))), event()])
    assert batch.traits.tolist() == [[1, 2, 3], [0, 0, 0]]
    assert from_events([event()]).traits.shape == (1, 0)


def test_visits_are_requests_of_any_status_each_once():
    some = [event(endpoint="/a"), event(endpoint="/a", part=1), event(principal="bob", status=404, given=0, time_us=7)]
    visits = visits_of(some)
    assert (visits.names, visits.principal.tolist(), visits.endpoint) == (("ann", "bob"), [0, 1], ("/a", ""))
    assert (visits.status.tolist(), visits.time_s.tolist()) == ([200, 404], [1e-6, 7e-6])
    assert len(visits_of([])) == 0
