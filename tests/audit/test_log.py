import errno
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from wellhead.audit.entries import SEGMENT, records
from wellhead.audit.log import MAX_RECORD, Log, is_written
from wellhead.audit.merkle import Tree, leaf
from wellhead.audit.note import Vkey, open_checkpoint
from wellhead.audit.verify import verify
from wellhead.core.codec import encode
from wellhead.core.errors import AuditError
from wellhead.core.event import Event, Gap, Mark


def signed(place):
    return open_checkpoint((place.directory / "checkpoint").read_text(), Vkey.parse(place.vkey))


def test_what_was_appended_is_read_back_and_signed(place, event):
    log = place.open()
    stored = [event(i) for i in range(5)]
    assert (log.append(stored[:2]), log.append(stored[2:]), log.append([])) == (0, 2, 5)
    log.seal(20)
    assert list(records(place.directory)) == list(enumerate(stored))
    assert signed(place).root == Tree(leaf(encode(e)) for e in stored).root()
    log.close(30)
    log.close(40)


def test_a_reopened_log_goes_on_without_a_gap(place, event):
    place.filled(300)
    log = place.open()
    assert (log.size, log.sealed, log.anchored) == (300, 300, 300)
    assert log.append([event(300)]) == 300
    log.close(99)
    assert [type(r) for _, r in records(place.directory)] == [Event] * 301
    assert verify(place.directory, place.vkey, place.anchor).integrity.outcome == "pass"


def test_segments_and_tiles_roll_over(place):
    log = place.open()
    batch = [Mark(time_us=i, what="x") for i in range(1000)]
    while log.size < SEGMENT + 2000:
        log.append(batch)
    log.close(1)
    again = place.open()
    size = again.size
    again.close(2)
    assert size == SEGMENT + 2464
    assert sum(1 for _ in records(place.directory, SEGMENT - 5)) == size - SEGMENT + 5
    assert signed(place).root == Tree(leaf(encode(r)) for _, r in records(place.directory)).root()
    for path in place.directory.glob("tile/*/*"):
        if path.is_file():
            path.unlink()
    again = place.open()
    assert again.size == size
    again.close(3)
    assert verify(place.directory).integrity.outcome == "pass"


def test_a_second_writer_is_told_and_the_first_goes_on(place, event):
    log = place.open()
    assert is_written(place.directory)
    with pytest.raises(AuditError, match="only writer"):
        place.open()
    log.append([event(1)])
    log.close(1)
    assert not is_written(place.directory)


def test_a_record_that_cannot_be_stored_becomes_a_gap(place, event):
    log = place.open()
    log.append(
        [event(1), event(2, reason="x" * MAX_RECORD), event(3, agent="\ud800"), Mark(time_us=2, what="x" * 70_000)]
    )
    log.close(1)
    found = [r for _, r in records(place.directory)]
    assert [getattr(r, "events", None) for r in found] == [None, 1, 1, 0]
    assert "over the limit of 65535" in found[1].reason
    assert "UnicodeEncodeError" in found[2].reason


def crash(log):
    log.abandon()


def test_acknowledged_and_not_logged_becomes_an_exact_gap(place, event):
    log = place.open(now_us=5)
    log.acknowledge(10)
    log.append([event(i) for i in range(4)])
    log.seal(7)
    log.append([event(i) for i in range(4, 7)])
    crash(log)
    log = place.open(now_us=9)
    log.close(10)
    *_, (index, gap) = records(place.directory)
    assert (index, gap) == (7, Gap(time_us=9, since_us=7, events=3, reason="the log was not closed"))
    place.open(11).close(12)
    assert sum(1 for _ in records(place.directory)) == 8


def test_nothing_lost_nothing_said(place, event):
    log = place.open()
    log.acknowledge(3)
    log.append([event(i) for i in range(3)])
    crash(log)
    place.open().close(1)
    assert [type(r) for _, r in records(place.directory)] == [Event] * 3


def test_a_gap_written_by_the_caller_accounts_for_its_events(place, event):
    log = place.open()
    log.acknowledge(5)
    log.append([event(1), Gap(time_us=1, since_us=1, events=4, reason="worker failure")])
    crash(log)
    place.open().close(1)
    assert sum(1 for _ in records(place.directory)) == 2


@pytest.mark.parametrize("rest", [b'{"kind":"eve', b'{"kind":"event"}\n', b"\0" * 300, b"\0\n\0\n"])
def test_what_a_crash_left_at_the_end_is_cut_and_said(place, event, rest):
    log = place.open()
    log.acknowledge(3)
    log.append([event(1), event(2)])
    crash(log)
    with place.segment.open("ab") as f:
        f.write(rest)
    place.open(now_us=9).close(10)
    found = [r for _, r in records(place.directory)]
    assert found[:2] == [event(1), event(2)]
    assert found[2].events == 1
    assert f"{len(rest)} bytes" in found[2].reason
    assert verify(place.directory).integrity.outcome == "pass"


def test_after_a_power_failure_the_number_is_not_known(place, event):
    log = place.open()
    log.acknowledge(3)
    log.append([event(1)])
    log.seal(4)
    crash(log)
    state = place.directory / "state"
    raw = bytearray(state.read_bytes())
    raw[32] ^= 1
    state.write_bytes(raw)
    place.open(9).close(10)
    assert [r.events for _, r in records(place.directory) if isinstance(r, Gap)] == [-1]


CHILD = """
    import sys
    from wellhead.audit.log import Log
    from wellhead.core.event import Event
    log = Log.open(sys.argv[1], "example.com/log", sys.argv[2], 1)
    made = lambda i: Event(request=str(i), time_us=i, principal="p", model="m", rows=1, status=200)
    for i in range(10_000_000):
        log.acknowledge(3)
        print(3 * (i + 1), flush=True)
        log.append([made(3 * i), made(3 * i + 1)])
        log.append([made(3 * i + 2)])
        if i % 50 == 49:
            log.seal(i)
"""


def test_sigkill_loses_no_acknowledged_event_without_a_gap(place):
    """What was acknowledged equals what is in the log plus what its Gap says, wherever the kill falls."""
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(place.directory), str(place.key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        last = 0
        while last < 1500:
            last = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        told = [int(line) for line in child.stdout.read().split("\n")[:-1]]
    said = max([last, *told])
    place.open(now_us=9, anchor=False).close(10)
    found = [r for _, r in records(place.directory)]
    logged = sum(isinstance(r, Event) for r in found)
    gap = sum(r.events for r in found if isinstance(r, Gap))
    assert [int(r.request) for r in found if isinstance(r, Event)] == list(range(logged))
    assert said <= logged + gap <= said + 3
    assert verify(place.directory).integrity.outcome == "pass"


def test_a_directory_that_cannot_be_used_is_said_in_one_line(place):
    place.directory.write_bytes(b"")
    for directory in (place.directory, place.directory / "below", place.directory.with_name("x" * 300), "/proc/x"):
        with pytest.raises(AuditError, match="cannot use .* for the log: .*; set audit.directory"):
            Log.open(directory, "example.com/log", place.key, 1)
    assert not is_written(place.directory / "below")


def test_a_part_of_the_directory_that_cannot_be_written_is_said(place):
    place.filled(1)
    (place.directory / "checkpoint.new").mkdir()
    with pytest.raises(AuditError, match="cannot use .*checkpoint.new: Is a directory"):
        place.open()
    assert not is_written(place.directory)


def test_an_anchor_that_cannot_be_written_stops_the_start(place, event):
    place.filled(5)
    before = place.files
    for name in ("away/anchor", "log", "log.key/anchor"):
        place.anchor = place.key.parent / name
        with pytest.raises(AuditError, match="cannot write to the anchor file .*; set audit.anchor"):
            place.open()
        assert place.files == before


def test_a_log_cut_back_to_an_earlier_checkpoint_is_refused_by_the_anchor(place, event):
    place.filled(100)
    old = {p: p.read_bytes() for p in (place.directory / "checkpoint", place.segment)}
    log = place.open()
    log.append([event(100)])
    log.close(1)
    for path, data in old.items():
        path.write_bytes(data)
    with pytest.raises(AuditError, match="anchor file knows another checkpoint of 101"):
        place.open()


def test_a_key_of_another_log_is_refused(place, tmp_path):
    place.filled(10)
    place.key = tmp_path / "other.key"
    type(place)(tmp_path / "other").filled(1)
    (tmp_path / "other" / "log.key").rename(place.key)
    with pytest.raises(AuditError, match="not what this key signed"):
        place.open()


def test_a_full_disk_loses_nothing_that_was_stored(place, event, monkeypatch):
    log = place.open()
    log.append([event(1)])
    real = os.write

    def short(fd, data):
        if len(data) < 200:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[:-100])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(AuditError, match="No space left"):
        log.append([event(2)])
    monkeypatch.undo()
    log.append([event(3)])
    log.close(2)
    assert [r.request for _, r in records(place.directory)] == ["r1", "r3"]
    assert verify(place.directory).integrity.outcome == "pass"


def test_an_anchor_out_of_reach_is_told_and_caught_up(place, event, tmp_path):
    place.anchor = tmp_path / "mounted" / "anchor"
    place.anchor.parent.mkdir()
    log = place.open()
    place.anchor.parent.rename(tmp_path / "away")
    log.append([event(1)])
    log.seal(1)
    assert (log.sealed, log.anchored) == (1, 0)
    assert "cannot write to the anchor" in log.anchor_error
    (tmp_path / "away").rename(place.anchor.parent)
    log.seal(2)
    assert (log.anchored, log.anchor_error) == (1, "")
    log.close(3)
