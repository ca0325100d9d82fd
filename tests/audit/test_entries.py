import typing
from pathlib import Path

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from wellhead.audit.entries import chunks, count_segments, lines, records, tail
from wellhead.audit.merkle import Tree, leaf
from wellhead.core.codec import Record, decode, decode_lines, encode, encode_lines
from wellhead.core.errors import AuditError
from wellhead.core.event import Event
from wellhead.core.finding import Evidence

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
EVIDENCE = st.builds(Evidence, name=TEXT, kind=TEXT, said=TEXT, value=TEXT, low=TEXT, high=TEXT)
KINDS = {
    "tuple[Evidence | str, ...]": st.lists(EVIDENCE | TEXT, max_size=3).map(tuple),
    "str": TEXT,
    "int": WHOLE,
    "tuple[str, ...]": st.lists(TEXT, max_size=3).map(tuple),
    "tuple[int, ...]": st.lists(WHOLE, max_size=3).map(tuple),
}


def any_of(record):
    return st.builds(record, **{name: KINDS[kind] for name, kind in record.__annotations__.items()})


RECORDS = st.one_of(*map(any_of, typing.get_args(Record)))


@given(RECORDS)
def test_stored_bytes_are_canonical_json(record):
    stored = encode(record)
    assert stored == rfc8785.dumps(msgspec.json.decode(stored))
    assert b"\n" not in stored
    assert decode(stored) == record


@given(st.lists(RECORDS, max_size=4))
def test_many_lines_are_each_record_and_newline(many):
    assert encode_lines(many) == b"".join(encode(r) + b"\n" for r in many)
    assert decode_lines(encode_lines(many)) == many


@pytest.mark.parametrize("start", [0, 1, 299, 300, 400])
def test_records_from_any_start(place, event, start):
    place.filled(300)
    assert list(records(place.directory, start)) == [(i, event(i)) for i in range(start, 300)]


@pytest.mark.parametrize("n", [0, 1, 7, 300, 999])
def test_tail(place, n):
    place.filled(300)
    assert [i for i, _ in tail(place.directory, n)] == list(range(max(0, 300 - n), 300))


def test_reading_while_a_line_is_being_written(place, event):
    log = place.open()
    reader = records(place.directory)
    log.append([event(0)])
    assert next(reader) == (0, event(0))
    with place.segment.open("ab") as f:
        f.write(b'{"kind":"ev')
    assert [i for i, _ in records(place.directory)] == [0]
    assert [i for i, _ in tail(place.directory, 5)] == [0]
    log.abandon()


def test_chunks_hold_whole_lines_however_long(tmp_path):
    path = tmp_path / "x.jsonl"
    stored = [bytes([65 + i % 26]) * (i * 9973 % 700_000) + b"\n" for i in range(9)]
    path.write_bytes(b"".join(stored) + b"torn")
    found = list(chunks(path))
    assert b"".join(found) == b"".join(stored)
    assert all(c.endswith(b"\n") for c in found)


def test_what_cannot_be_read_is_named(place):
    place.filled(3)
    with place.segment.open("ab") as f:
        f.write(b"rubbish\n")
    with pytest.raises(AuditError, match="entry 3 of"):
        list(records(place.directory))
    with pytest.raises(AuditError, match="no `entries` folder"):
        list(records(place.directory / "x"))
    (place.directory / "entries" / "000002.jsonl").touch()
    with pytest.raises(AuditError, match=r"expected 000001\.jsonl"):
        count_segments(place.directory)
    place.segment.rename(place.directory / "x")
    assert list(lines(place.directory)) == []


def test_an_event_of_a_later_schema_can_still_be_read():
    assert isinstance(
        decode(encode(Event(request="r", time_us=1, principal="p", model="m", rows=1, status=200))[:-1] + b',"z":1}'),
        Event,
    )


GOLDEN = Path(__file__).parents[1] / "golden" / "records.jsonl"


def test_stored_lines_stay_readable_and_hash_the_same():
    """This file only ever grows: a line for each record as the first schema wrote it, then as later fields did."""
    stored = GOLDEN.read_bytes()
    lines = stored.split(b"\n")[:-1]
    found = decode_lines(stored)
    assert {type(r) for r in found} == set(typing.get_args(Record))
    assert encode_lines(found[7:]) == b"".join(line + b"\n" for line in lines[7:])
    assert Tree(map(leaf, lines[:6])).root().hex() == "8b20206dadbc588245e98732e4ae8602850245aa89f628bce982d88373dfc853"
