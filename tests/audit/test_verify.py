import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.audit.entries import SEGMENT
from wellhead.audit.note import Checkpoint, load_signer
from wellhead.audit.verify import Outcome, Report, verify
from wellhead.core.event import Mark

N = 300


def outcomes(report):
    return report.integrity.outcome, report.completeness.outcome, report.anchoring.outcome


def check(place):
    return verify(place.directory, place.vkey, place.anchor)


def test_an_untouched_log_passes_thrice(place):
    report = check(place.filled(N))
    assert outcomes(report) == ("pass", "pass", "pass")
    assert report == Report(
        N,
        N,
        Outcome("pass", "all 300 signed entries recompute to the signed root"),
        Outcome("pass", "all 300 anchored entries are there, as in each of 3 anchored checkpoints"),
        Outcome("pass", "entries 0 to 300 anchored, last at 1970-01-01 00:05:00Z"),
    )
    assert not report.failed


def test_without_anchor_and_key_the_report_says_what_it_cannot_know(place):
    report = verify(place.filled(N).directory)
    assert outcomes(report) == ("pass", "unknown", "unknown")
    assert "--vkey" in report.integrity.line
    assert "would not show" in report.completeness.line


def test_an_empty_log(place):
    place.open().close(1)
    assert outcomes(check_without_anchor(place)) == ("pass", "unknown", "unknown")


def check_without_anchor(place):
    return verify(place.directory, place.vkey)


def edited(lines, i, j):
    line = bytearray(lines[i])
    line[j % len(line)] ^= 1 << j % 8
    return [*lines[:i], bytes(line), *lines[i + 1 :]]


def swapped(lines, i, j):
    new = list(lines)
    new[i], new[j % N] = new[j % N], new[i]
    return new


MUTATIONS = {
    "edit": edited,
    "cut": lambda lines, i, _: lines[:i],
    "drop": lambda lines, i, _: lines[:i] + lines[i + 1 :],
    "swap": swapped,
    "repeat": lambda lines, i, j: [*lines[:i], lines[j % N], *lines[i:]],
    "add": lambda lines, i, _: [*lines, lines[i]],
    "empty line": lambda lines, i, _: [*lines[:i], b"\n", *lines[i:]],
    "torn": lambda lines, i, j: [*lines, lines[i][: 1 + j % 100]],
}


@settings(max_examples=150)
@given(st.sampled_from(sorted(MUTATIONS)), st.integers(0, N - 1), st.integers(0, 10_000))
def test_no_edit_cut_reorder_or_insertion_verifies(stored, kind, i, j):
    place, lines = stored
    changed = b"".join(MUTATIONS[kind](lines, i, j))
    place.segment.write_bytes(changed)
    try:
        report = check(place)
    finally:
        place.segment.write_bytes(b"".join(lines))
    if changed == b"".join(lines):
        assert outcomes(report) == ("pass", "pass", "pass")
    else:
        assert report.integrity.outcome == "fail"


FILES = ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "log.vkey"]


@settings(max_examples=100)
@given(st.sampled_from(FILES), st.integers(0, 10_000), st.integers(0, 7))
def test_no_changed_byte_beside_the_entries_verifies(stored, name, at, bit):
    place, _ = stored
    path = place.directory / name
    kept, vkey = path.read_bytes(), place.vkey
    raw = bytearray(kept)
    raw[at % len(raw)] ^= 1 << bit
    path.write_bytes(raw)
    try:
        report = verify(place.directory, None if path.name == "log.vkey" else vkey, place.anchor)
    finally:
        path.write_bytes(kept)
    # a changed white space around the key line changes nothing
    assert report.integrity.outcome == "fail" or (path.name == "log.vkey" and bytes(raw).strip() == kept.strip())


@pytest.fixture(scope="module")
def stored(tmp_path_factory, made):
    place = made(tmp_path_factory.mktemp("stored")).filled(N)
    return place, place.segment.read_bytes().splitlines(keepends=True)


def test_tampering_is_located(place):
    place.filled(N)
    raw = place.segment.read_bytes().splitlines(keepends=True)
    raw[40] = raw[40].replace(b'"r40"', b'"r41"')
    place.segment.write_bytes(b"".join(raw))
    assert "first tile that differs is tile/0/000" in check(place).integrity.line
    raw[40] = b'{"kind":"evil"}\n'
    place.segment.write_bytes(b"".join(raw))
    assert check(place).integrity.line.startswith("entry 40: expected a Wellhead record")


def test_a_removed_tile_is_told(place):
    place.filled(N)
    (place.directory / "tile/0/000").unlink()
    assert check(place).integrity.line == "the entries are those that were signed, but tile/0/000 does not fit them"


def cut_back(place, event):
    """Cut the log to its first 100 entries, with the checkpoint of then."""
    place.filled(100)
    old = {p: p.read_bytes() for p in (place.directory / "checkpoint", place.segment)}
    log = place.open()
    log.append([event(i) for i in range(50)])
    log.close(9)
    for path, data in old.items():
        path.write_bytes(data)


def test_a_log_cut_back_to_a_signed_checkpoint_shows_by_its_anchor(place, event):
    cut_back(place, event)
    report = check(place)
    assert report.completeness == Outcome("fail", "cut: an anchor knows 150 entries, 100 are left")
    assert verify(place.directory, place.vkey).completeness.outcome == "unknown"


def test_a_whole_deleted_log_fails(place):
    place.filled(N)
    shutil.rmtree(place.directory / "entries")
    assert outcomes(check(place))[:2] == ("fail", "fail")


def test_a_rewritten_and_resigned_log_shows_by_its_anchor(place, tmp_path, event):
    place.filled(N)
    other = type(place)(tmp_path / "other")
    other.directory.parent.mkdir()
    shutil.copy(place.key, other.key)
    log = other.open(anchor=False)
    log.append([event(i, principal="nobody") for i in range(N + 5)])
    log.close(5)
    report = verify(other.directory, place.vkey, place.anchor)
    assert outcomes(report) == ("pass", "fail", "unknown")
    assert report.completeness.line == "rewritten: not the 100 entries that were anchored at 1970-01-01 00:01:40Z"
    assert "300 to 305 not anchored" in report.anchoring.line


def test_a_wrong_key_fails(place, tmp_path):
    place.filled(N)
    other = load_signer(tmp_path / "x.key", "example.com/log", create=True)
    report = verify(place.directory, str(other.vkey), place.anchor)
    assert outcomes(report) == ("fail", "unknown", "fail")
    note = other.sign(Checkpoint("example.com/log", N, bytes(32)).text)
    (place.directory / "checkpoint").write_text(note)
    assert outcomes(check(place))[0] == "fail"
    assert verify(place.directory, "rubbish").integrity.outcome == "fail"


@pytest.mark.parametrize("text", ["", "rubbish\n", '{"time_us":1,"size":1,"note":"x"}\n'])
def test_an_anchor_file_that_says_nothing_vouches_for_nothing(place, text):
    place.filled(N)
    place.anchor.write_text(text)
    assert outcomes(check(place)) == ("pass", "unknown", "fail" if text else "unknown")


def test_a_missing_anchor_file_is_no_pass(place):
    place.filled(N)
    place.anchor.unlink()
    assert outcomes(check(place)) == ("pass", "unknown", "fail")


def test_unsigned_entries_are_normal_only_while_the_log_is_written(place, event):
    log = place.filled(N).open()
    log.append([event(1)])
    line = "all 300 signed entries recompute to the signed root; 1 entries are waiting for the next checkpoint"
    assert check(place).integrity == Outcome("pass", line)
    log.abandon()
    crashed = check(place)
    assert crashed.integrity.outcome == "unknown"
    assert "signed by nobody" in crashed.integrity.line
    place.open().close(1)
    assert check(place).integrity.outcome == "pass"


def test_lines_added_after_a_clean_close_fail(place):
    place.filled(N)
    with place.segment.open("ab") as f:
        f.write(b'{"kind":"mark","time_us":1,"what":"x"}\n{')
    assert check(place).integrity == Outcome("fail", "1 entries and a torn line were added after the log was closed")


def test_segments_are_joined_and_missing_ones_told(place):
    log = place.open()
    while log.size <= 2 * SEGMENT:
        log.append([Mark(time_us=i, what="x") for i in range(2000)])
        log.seal(log.size)
    log.close(1)
    assert outcomes(check(place)) == ("pass", "pass", "pass")
    middle = place.directory / "entries" / "000001.jsonl"
    lines = middle.read_bytes().splitlines(keepends=True)
    middle.write_bytes(b"".join(lines[:-1]))
    assert "got fewer" in check(place).integrity.line
    middle.write_bytes(b"".join([*lines, lines[0]]))
    assert "got more" in check(place).integrity.line
    middle.unlink()
    assert "expected 000001.jsonl" in check(place).integrity.line


def test_no_log_at_all(tmp_path):
    report = verify(tmp_path / "none")
    assert outcomes(report) == ("fail", "unknown", "unknown")
    assert report.failed
