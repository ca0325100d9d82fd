import pytest

from wellhead.audit.anchor import Anchor, append, make_ready, read
from wellhead.audit.note import Checkpoint, load_signer
from wellhead.core.errors import AuditError


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return load_signer(tmp_path_factory.mktemp("key") / "k", "example.com/log", create=True)


def test_lines_come_back_and_a_torn_one_is_left_out(tmp_path, signer):
    made = [Anchor(i, i, signer.sign(Checkpoint("example.com/log", i, bytes(32)).text)) for i in range(3)]
    for anchor in made:
        append(tmp_path / "a", anchor)
    with (tmp_path / "a").open("ab") as f:
        f.write(b'{"time')
    assert read(tmp_path / "a") == made
    assert [a.checkpoint(signer.vkey).size for a in made] == [0, 1, 2]


def test_what_was_not_signed_is_refused(tmp_path, signer):
    note = signer.sign(Checkpoint("example.com/log", 5, bytes(32)).text)
    with pytest.raises(AuditError, match="of 6 entries, got one of 5"):
        Anchor(1, 6, note).checkpoint(signer.vkey)
    with pytest.raises(AuditError, match="does not fit"):
        Anchor(1, 5, note.replace("\n5\n", "\n6\n")).checkpoint(signer.vkey)
    with pytest.raises(AuditError, match="cannot read the anchor"):
        read(tmp_path / "none")
    (tmp_path / "bad").write_bytes(b"{}\n")
    with pytest.raises(AuditError, match="one anchor a line"):
        read(tmp_path / "bad")


def test_an_anchor_is_made_where_it_is_absent_and_kept_where_it_is_not(tmp_path):
    make_ready(tmp_path / "a")
    assert read(tmp_path / "a") == []
    (tmp_path / "a").write_bytes(b"x")
    make_ready(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["", "file/anchor", "none/anchor", "a" * 300, "nul\0"])
def test_an_anchor_that_cannot_be(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(AuditError, match="cannot write to the anchor file.*set audit.anchor"):
        make_ready(tmp_path / name)
