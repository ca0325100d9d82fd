import pytest

from wellhead.audit.entries import SEGMENT
from wellhead.audit.log import is_written
from wellhead.audit.merkle import EMPTY
from wellhead.audit.note import Vkey
from wellhead.audit.recover import last_checkpoint, mend, missing_events, reload, signer_of, survey
from wellhead.audit.state import State
from wellhead.audit.verify import verify
from wellhead.core.errors import AuditError
from wellhead.core.event import Mark


def test_a_log_that_never_began(tmp_path):
    signer = signer_of(tmp_path, "example.com/log", tmp_path / "k")
    signed = last_checkpoint(tmp_path, signer.vkey)
    assert (signed.size, signed.root) == (0, EMPTY)
    found = survey(tmp_path, signer.vkey, tmp_path / "anchor")
    assert (found.grove.size, found.cut, found.stale, found.anchored) == (0, 0, [], 0)
    assert {p.name for p in tmp_path.iterdir()} == {"k", "anchor"}


def test_damaged_tiles_are_not_believed_but_written_anew(place):
    log = place.open(anchor=False)
    while log.size < 2 * SEGMENT + 300:
        log.append([Mark(time_us=i, what="x") for i in range(5000)])
    log.close(1)
    key = Vkey.parse(place.vkey)
    signed = last_checkpoint(place.directory, key)
    root = reload(place.directory, signed).grove.root()
    kept = {}
    for name in ("tile/1/000", "tile/0/300"):
        path = place.directory / name
        kept[path] = path.read_bytes()
        path.write_bytes(bytes(8192))
    found = reload(place.directory, signed)
    assert found.grove.root() == root == signed.root
    assert found.stale == [0, 1]
    assert not any(path.read_bytes() == data for path, data in kept.items())
    mend(place.directory, found)
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_survey_leaves_the_end_that_mend_cuts(place):
    place.filled(300)
    whole = place.segment.read_bytes()
    tile = place.directory / "tile" / "0" / "000"
    hashes = tile.read_bytes()
    tile.unlink()
    place.segment.write_bytes(whole + b"\0\n{")
    found = survey(place.directory, Vkey.parse(place.vkey), None)
    assert (found.grove.size, found.keep, found.cut, found.stale) == (300, len(whole), 3, [0])
    assert place.segment.read_bytes() == whole + b"\0\n{"
    assert not tile.exists()
    mend(place.directory, found)
    assert (place.segment.read_bytes(), tile.read_bytes()) == (whole, hashes)


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


def edit(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: edit(p.segment, lambda b: b.replace(b'"p3"', b'"p4"', 1)), "not those that were signed"),
        (
            lambda p: edit(p.segment, lambda b: b[: b.index(b"\n") + 1]),
            "expected the 300 entries that were signed, got 1",
        ),
        (lambda p: p.segment.unlink(), "expected the 300 entries that were signed, got 0"),
        (lambda p: (p.directory / "checkpoint").unlink(), "expected .*checkpoint beside the entries"),
        (lambda p: edit(p.directory / "checkpoint", lambda b: b.replace(b"300", b"299")), "does not fit"),
        (lambda p: p.key.unlink(), "private key"),
        (lambda p: edit(p.directory / "state", lambda b: b"x" * 128), "another file"),
        (lambda p: edit(p.anchor, lambda b: b.replace(b'"size":300', b'"size":301')), "301"),
        (lambda p: edit(p.anchor, lambda _: b"rubbish\n"), "one anchor a line"),
    ],
)
def test_a_log_that_contradicts_what_was_signed_is_not_signed_again(place, change, said):
    place.filled(300)
    change(place)
    before = place.files
    with pytest.raises(AuditError, match=said) as e:
        place.open()
    assert "\n" not in str(e.value)
    assert not is_written(place.directory)
    assert place.files == before


@pytest.mark.parametrize("torn", [b"", b'{"kind":"eve', b"\0\n\0\n"])
def test_a_refused_start_keeps_the_evidence(place, event, torn):
    """Entries edited after a crash: the open that refuses them neither cuts, nor mends tiles, nor adds a checkpoint."""
    place.filled(700)
    log = place.open()
    log.append([event(i) for i in range(700, 1100)])
    log.abandon()
    edit(place.segment, lambda b: b.replace(b'"r300"', b'"r30x"').replace(b'"r301"', b'"r30y"') + torn)
    (place.directory / "tile" / "0" / "002").write_bytes(b"stale")
    before = place.files
    for anchor in (True, False):
        with pytest.raises(AuditError, match="not those that were signed.*nothing was signed"):
            place.open(anchor=anchor)
        assert place.files == before
    if not torn:
        assert "the first tile that differs is tile/0/001" in verify(place.directory, place.vkey).integrity.line
