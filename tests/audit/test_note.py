import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from wellhead.audit.note import Checkpoint, Vkey, load_signer, open_checkpoint, open_note
from wellhead.core.errors import AuditError

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return load_signer(tmp_path_factory.mktemp("key") / "log.key", "example.com/log", create=True)


def test_known_vector():
    assert open_note(NOTE, [Vkey.parse(VKEY)]) == "This is an example message.\n"
    assert str(Vkey.parse(VKEY)) == VKEY


def test_unknown_keys_are_ignored_beside_a_known_one(signer):
    both = signer.sign("text\n") + NOTE.splitlines()[-1] + "\n"
    assert open_note(both, [signer.vkey]) == "text\n"


def test_a_known_key_that_fails_condemns_the_note(signer):
    both = signer.sign("This is an example message.\n") + NOTE.splitlines()[-1] + "\n"
    assert open_note(both, [signer.vkey, Vkey.parse(VKEY)])
    with pytest.raises(AuditError, match="does not fit"):
        open_note(both.replace("an example", "no example"), [Vkey.parse(VKEY)])


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_no_changed_character_verifies(at, character):
    if NOTE[at] == character:
        return
    with pytest.raises(AuditError):
        open_note(NOTE[:at] + character + NOTE[at + 1 :], [Vkey.parse(VKEY)])


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])).map(lambda t: t + "\n"))
def test_signed_text_comes_back(signer, text):
    assert open_note(signer.sign(text), [signer.vkey]) == text


def test_a_text_with_empty_lines_is_split_at_the_last(signer):
    assert open_note(signer.sign("a\n\nb\n"), [signer.vkey]) == "a\n\nb\n"


def test_checkpoint_round_trip_and_origin(signer):
    made = Checkpoint("example.com/log", 70_000, bytes(range(32)))
    assert open_checkpoint(signer.sign(made.text), signer.vkey) == made
    with pytest.raises(AuditError, match="got one of other"):
        open_checkpoint(signer.sign(Checkpoint("other", 1, bytes(32)).text), signer.vkey)


@pytest.mark.parametrize(
    "text", ["", "o\n1\n", "o\n01\nAAAA\n", "o\n-1\nAAAA\n", "o\n1\nAAAA\n", "o\n1\n!\n", "o\n²\nAAAA\n", "\n1\nAAAA\n"]
)
def test_malformed_checkpoints(text):
    with pytest.raises(AuditError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "text", ["", "a+b", VKEY.replace("530d", "530e"), VKEY[:-4], "a b" + VKEY[11:], VKEY.replace("Aek", "Bek")]
)
def test_malformed_vkeys(text):
    with pytest.raises(AuditError):
        Vkey.parse(text)


@pytest.mark.parametrize(
    "note", ["", "text\n", "text\n\n", NOTE[:-1], NOTE.replace("—", "-"), "a\n\n" + "— a AAAAAAAA\n" * 101]
)
def test_malformed_notes(note):
    with pytest.raises(AuditError):
        open_note(note, [Vkey.parse(VKEY)])


def test_private_key_file_is_private_and_kept(tmp_path):
    file = tmp_path / "deep" / "log.key"
    made = load_signer(file, "log", create=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_signer(file, "log").vkey == made.vkey


def test_keys_that_cannot_be_used(tmp_path):
    file = tmp_path / "log.key"
    with pytest.raises(AuditError, match="No such file"):
        load_signer(file, "log")
    with pytest.raises(AuditError, match="cannot write"):
        load_signer(tmp_path / "file" / "k", "log", create=(tmp_path / "file").touch() is None)
    file.write_text("secret rubbish")
    with pytest.raises(AuditError, match="PEM") as e:
        load_signer(file, "log")
    assert "rubbish" not in str(e.value)
    wrong = generate_private_key(SECP256R1())
    file.write_bytes(wrong.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(AuditError, match="Ed25519"):
        load_signer(file, "log")
