import typing

import msgspec
import numpy as np
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wellhead.core import codec
from wellhead.core.codec import (
    LOG_FLOOR,
    Record,
    decode,
    decode_lines,
    encode,
    encode_lines,
    log_scores,
    pack,
    quantise,
    strongest,
    unpack,
)
from wellhead.core.errors import AuditError
from wellhead.core.event import SCORES_KEPT
from wellhead.core.finding import Evidence

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
INTEGER = st.integers(-(2**53) + 1, 2**53 - 1)
EVIDENCE = st.builds(Evidence, name=TEXT, kind=TEXT, said=TEXT, value=TEXT, low=TEXT, high=TEXT)
OF = {
    tuple[Evidence | str, ...]: st.lists(EVIDENCE | TEXT, max_size=3).map(tuple),
    str: TEXT,
    int: INTEGER,
    tuple[str, ...]: st.lists(TEXT).map(tuple),
    tuple[int, ...]: st.lists(INTEGER).map(tuple),
}
STEP = -np.log(LOG_FLOOR) / 127.0


def of(record):
    return st.builds(record, **{name: OF[hint] for name, hint in typing.get_type_hints(record).items()})


records = st.one_of([of(record) for record in typing.get_args(Record)])
probability = st.floats(0.0, 1.0)


@given(records)
def test_a_record_comes_back_as_it_was_stored(record):
    assert decode(encode(record)) == record


@given(st.lists(records, max_size=4))
def test_many_lines_are_the_single_lines_together(many):
    lines = encode_lines(many)
    assert lines == b"".join(encode(record) + b"\n" for record in many)
    assert decode_lines(lines) == many


@given(records)
def test_the_stored_bytes_are_one_line_and_canonical(record):
    line = encode(record)
    assert b"\n" not in line
    assert line == rfc8785.dumps(msgspec.json.decode(line))


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"kind":"rumour"}',
        b'{"kind":"ru\\nmour"}',
        b'{"kind":"mark","time_us":1}',
        b'{"kind":"mark","time_us":1.5,"what":"start"}',
        b'{"kind":"mark","time_us":1,"what":"\xff"}',
        b'{"kind":"mark","time_us":1,"what":"start","more":' + b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("read", [decode, decode_lines])
def test_a_damaged_or_unknown_line_is_one_clear_line(read, line):
    with pytest.raises(AuditError, match=r"expected .* got") as caught:
        read(line)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_field_of_a_later_version_is_no_error():
    assert decode(b'{"kind":"mark","later":[1],"time_us":1,"v":2,"what":"start"}').v == 2


DTYPES = ("|i1", "<u2", "<u8")


@given(st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=2, max_dims=2))))
def test_packed_numbers_come_back(array):
    assert (unpack(pack(array), array.dtype.str, len(array)) == array).all()
    assert pack(array[:, ::-1]) == pack(array[:, ::-1].copy())


@pytest.mark.parametrize(
    ("text", "dtype", "rows"),
    [
        ("AAAA", "|i1", 2),
        ("AAAA", "|i1", 0),
        ("AAA", "|i1", 1),
        ("A*AA", "|i1", 1),
        ("AAAA", "<u2", 1),
        ("é", "|i1", 1),
    ],
)
def test_bytes_that_do_not_divide_into_rows_are_damage(text, dtype, rows):
    with pytest.raises(AuditError, match="expected"):
        unpack(text, dtype, rows)


@given(hnp.arrays(np.float64, (3, 4), elements=probability))
def test_quantised_scores_are_within_half_a_step(p):
    expected = np.log(np.clip(p, LOG_FLOOR, 1.0))
    assert np.abs(log_scores(quantise(p)) - expected).max() <= STEP / 2 + 1e-9


@given(st.lists(probability, min_size=2, max_size=20))
def test_quantising_keeps_the_order(p):
    steps = quantise(np.sort(np.array([p])))
    assert (np.diff(steps.astype(int)) >= 0).all()
    assert steps.min() >= 0


def test_the_ends_of_the_scale_and_what_lies_beyond_it():
    p = np.array([[1.0, 1.0 + 1e-9, 7.0, np.inf, LOG_FLOOR, 0.0, -1.0, np.nan]])
    assert quantise(p).tolist() == [[127, 127, 127, 127, 0, 0, 0, 0]]
    assert log_scores(np.array([[127, 0]], np.int8)) == pytest.approx(np.array([[0.0, np.log(LOG_FLOOR)]]))


@given(st.integers(1, SCORES_KEPT))
def test_few_classes_are_all_kept_in_their_order(k):
    p = np.random.default_rng(k).dirichlet(np.ones(k), 3)
    kept, classes = strongest(p)
    assert classes is None
    assert (kept == quantise(p)).all()


@given(st.integers(SCORES_KEPT + 1, 90), st.booleans())
def test_of_many_classes_the_best_are_kept_with_their_names(k, ties):
    p = np.random.default_rng(k).dirichlet(np.full(k, 0.1), 3)
    p = p.round(2) if ties else p
    kept, classes = strongest(p)
    for row in range(3):
        best = sorted(range(k), key=lambda c: (-p[row, c], c))[:SCORES_KEPT]
        assert classes[row].tolist() == best
        assert kept[row].tolist() == quantise(p[row : row + 1, best])[0].tolist()
    assert classes.dtype == np.uint16


def test_every_member_of_record_is_decoded_by_its_tag():
    assert {r.__struct_config__.tag for r in typing.get_args(codec.Record)} == {
        "event", "coded", "gap", "mark", "finding", "review", "decision",
    }  # fmt: skip
