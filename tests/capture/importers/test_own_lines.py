import json

import numpy as np
import pytest
from metering import classifier

from wellhead.capture.importers.own import Own
from wellhead.core.codec import encode_lines
from wellhead.core.event import Event, Gap

NOW = 1.7e9


def event(i, **changed):
    made = {
        "request": f"r{i}", "time_us": int((NOW + i) * 1e6), "principal": f"p{i % 5}", "model": "m", "rows": 1,
        "status": 200, "given": 1, "top1": (i % 3,), "network": f"10.0.{i % 7}.0/24", "endpoint": "/infer?x=1",
    }  # fmt: skip
    return Event(**made | changed)


def read(tmp_path, lines):
    path = tmp_path / "000000.jsonl"
    path.write_bytes(lines)
    reader = Own(classifier(), NOW + 1e6)
    return list(reader.read(path)), reader.told


def test_a_file_of_many_blocks_loses_nothing_and_remembers_who_came_from_where(tmp_path, monkeypatch):
    monkeypatch.setattr("wellhead.capture.importers.own_lines.ROWS", 40)
    monkeypatch.setattr("wellhead.capture.importers.own_lines.pieces", small)
    blocks, told = read(tmp_path, encode_lines([event(i) for i in range(300)]))
    assert len(blocks) > 5
    assert told.lines == sum(len(b.batch) for b in blocks) == 300
    last = blocks[-1].batch
    wanted = {("network", f"10.0.{n}.0/24") for n in range(7)}
    assert all(pairs == wanted for pairs in last.attributes)
    assert set(blocks[0].visits.endpoint) == {"/infer"}


def small(path, progress):
    from wellhead.capture.importers.blocks import pieces

    return pieces(path, progress, 2000)


@pytest.mark.parametrize(
    "change",
    [{"rows": 10**12}, {"rows": -1}, {"time_us": 10**30}, {"time_us": "soon"}, {"principal": None}, {"top1": ["x"]}],
)
def test_an_event_that_cannot_be_is_a_malformed_line_and_the_rest_is_read(tmp_path, change):
    odd = json.loads(encode_lines([event(1)])) | change
    lines = encode_lines([event(0)]) + json.dumps(odd).encode() + b"\n" + encode_lines([event(2)])
    (block,), told = read(tmp_path, lines)
    assert (told.lines, told.bad, len(block.batch)) == (3, 1, 2)
    assert len(told.sample) == 1


def test_other_records_of_ours_are_no_events_and_not_malformed(tmp_path):
    gap = Gap(time_us=1, since_us=0, events=3, reason="disk")
    (block,), told = read(tmp_path, encode_lines([event(0), gap, event(1)]))
    assert (told.lines, told.bad, block.answered) == (3, 0, 2)


def test_parts_of_one_request_are_no_repeats_and_a_second_copy_is(tmp_path):
    parts = [event(0, part=k, rows=2, top1=(1, 2)) for k in range(3)]
    (block,), _ = read(tmp_path, encode_lines([*parts, *parts]))
    assert (len(block.batch), block.twice, len(block.visits)) == (6, 3, 1)
    np.testing.assert_array_equal(block.batch.top1, [1, 2] * 3)
