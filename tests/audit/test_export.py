import io

import pytest

from wellhead.audit.export import export, write_lines
from wellhead.audit.merkle import Tree, leaf
from wellhead.audit.note import Vkey, open_checkpoint
from wellhead.core.codec import encode
from wellhead.core.errors import AuditError


def read_bundle(path):
    raw, found = path.read_bytes(), []
    while raw:
        n = int.from_bytes(raw[:2], "big")
        found.append(raw[2 : 2 + n])
        raw = raw[2 + n :]
    return found


def test_the_static_layout_can_be_checked_from_itself_alone(place, event, tmp_path):
    place.filled(600)
    out = tmp_path / "out"
    signed = export(place.directory, out)
    key = Vkey.parse((out / "log.vkey").read_text())
    assert open_checkpoint((out / "checkpoint").read_text(), key) == signed
    found = [p.relative_to(out).as_posix() for p in sorted(out.rglob("*")) if p.is_file()]
    assert found == [
        "checkpoint",
        "log.vkey",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/88",
    ]
    entries = [e for name in found if "entries" in name for e in read_bundle(out / name)]
    assert entries == [encode(event(i)) for i in range(600)]
    assert Tree(map(leaf, entries)).root() == signed.root
    assert (out / "tile/0/001").read_bytes() == b"".join(map(leaf, entries[256:512]))


def test_only_signed_entries_are_exported(place, event, tmp_path):
    log = place.filled(5).open()
    log.append([event(9)])
    assert export(place.directory, tmp_path / "out").size == 5
    log.close(1)


def test_what_cannot_be_exported(place, tmp_path):
    with pytest.raises(AuditError, match="expected a log"):
        export(tmp_path / "none", tmp_path / "out")
    place.filled(5)
    with pytest.raises(AuditError, match="empty directory"):
        export(place.directory, tmp_path)
    place.segment.write_bytes(place.segment.read_bytes().replace(b'"r3"', b'"r4"'))
    with pytest.raises(AuditError, match="not those that were signed"):
        export(place.directory, tmp_path / "out")


def test_lines_of_a_range(place, event):
    place.filled(10)
    out = io.BytesIO()
    assert write_lines(place.directory, out, 3, 5) == 2
    assert out.getvalue() == encode(event(3)) + b"\n" + encode(event(4)) + b"\n"
    assert write_lines(place.directory, io.BytesIO(), 8) == 2
