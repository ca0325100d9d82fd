import pytest

from wellhead.audit.entries import SEGMENT
from wellhead.audit.merkle import EMPTY
from wellhead.audit.note import Vkey
from wellhead.audit.recover import check_anchor, last_checkpoint, missing_events, reload, signer_of
from wellhead.audit.state import State
from wellhead.core.errors import AuditError
from wellhead.core.event import Mark


def test_a_log_that_never_began(tmp_path):
    signer = signer_of(tmp_path, "example.com/log", tmp_path / "k")
    signed = last_checkpoint(tmp_path, signer.vkey)
    assert (signed.size, signed.root) == (0, EMPTY)
    grove, cut = reload(tmp_path, signed)
    assert (grove.size, cut) == (0, 0)
    assert check_anchor(tmp_path / "none", signed, signer.vkey) == 0


def test_damaged_tiles_are_not_believed_but_written_anew(place):
    log = place.open(anchor=False)
    while log.size < 2 * SEGMENT + 300:
        log.append([Mark(time_us=i, what="x") for i in range(5000)])
    log.close(1)
    key = Vkey.parse(place.vkey)
    signed = last_checkpoint(place.directory, key)
    root = reload(place.directory, signed)[0].root()
    kept = {}
    for name in ("tile/1/000", "tile/0/300"):
        path = place.directory / name
        kept[path] = path.read_bytes()
        path.write_bytes(bytes(8192))
    assert reload(place.directory, signed)[0].root() == root == signed.root
    assert {path: path.read_bytes() for path in kept} == kept


def test_missing_events_without_counters_cannot_be_known(place, tmp_path):
    place.filled(3)
    state = State(tmp_path / "fresh")
    assert missing_events(place.directory, state, 3) == -1
    assert missing_events(place.directory, state, 0) == 0
    state.close()


def test_an_unreadable_checkpoint(place):
    place.filled(3)
    (place.directory / "checkpoint").write_bytes(b"\xff\xfe")
    with pytest.raises(AuditError, match="is not what this key signed"):
        last_checkpoint(place.directory, Vkey.parse(place.vkey))
