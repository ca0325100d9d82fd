import stat
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.keys import Holder, Keys
from wellhead.core.errors import ConfigError

DAY = 86_400


def test_a_token_opens_its_account_and_nothing_of_it_is_stored(keys):
    holder = Holder(owner="alice", organisation="acme", email="a@acme.example", plan="gold", use="triage")
    token = keys.add(holder, 10 * DAY)
    assert len(token) == 59 and token.startswith("wh_")
    caller = Keys.load(keys.path).lookup(token.encode(), 0.0)
    assert (caller.principal, caller.key, caller.organisation) == ("alice", token[3:15], "acme")
    assert (caller.email, caller.plan, caller.use) == ("a@acme.example", "gold", "triage")
    assert caller.created_day == "1970-01-11"
    assert token[16:] not in keys.path.read_text()
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600


def test_keys_of_one_owner_are_one_principal_and_a_key_without_owner_is_its_own(keys):
    tokens = [keys.add(Holder(owner=owner), 0.0).encode() for owner in ("bob", "bob", "")]
    first, second, alone = (keys.lookup(t, 0.0) for t in tokens)
    assert first.principal == second.principal == "bob" and first.key != second.key
    assert alone.principal == alone.key


def test_a_key_ends_when_it_expires_or_is_revoked(keys):
    token = keys.add(Holder(owner="a", expires_s=100), 0.0)
    assert keys.lookup(token.encode(), 99.0) and not keys.lookup(token.encode(), 100.0)
    assert keys.revoke(token[3:15], 50.0).revoked_s == 50
    assert keys.lookup(token.encode(), 0.0) is None
    assert keys.revoke(token[3:15], 60.0).revoked_s == 50
    with pytest.raises(ConfigError, match="wellhead keys list"):
        keys.revoke("nobody", 0.0)


@given(st.binary(max_size=80))
def test_no_other_bytes_open_anything(junk):
    from pathlib import Path

    keys = Keys(Path("unused"), b"pepper")
    assert keys.lookup(junk, 0.0) is None


@given(place=st.integers(0, 58), byte=st.integers(0, 255))
def test_one_changed_byte_closes(tmp_path_factory, place, byte):
    keys = Keys.open(tmp_path_factory.getbasetemp() / "changed.json")
    token = keys.add(Holder(), 0.0).encode()
    changed = token[:place] + bytes([byte]) + token[place + 1 :]
    assert (keys.lookup(changed, 0.0) is None) == (changed != token)


def test_a_changed_file_is_taken_up_and_a_damaged_one_is_not(keys):
    other = Keys.load(keys.path)
    assert other.reload() is False
    token = keys.add(Holder(), 0.0).encode()
    assert other.lookup(token, 0.0) is None
    assert other.reload() is True and other.lookup(token, 0.0)
    keys.path.write_text("{")
    with pytest.raises(ConfigError, match="restore it"):
        other.reload()
    keys.path.unlink()
    with pytest.raises(ConfigError, match="keys add"):
        other.reload()
    assert other.lookup(token, 0.0)


def test_two_writers_lose_nothing(keys):
    writers = [Keys.load(keys.path) for _ in range(8)]
    threads = [threading.Thread(target=w.add, args=(Holder(), 0.0)) for w in writers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(Keys.load(keys.path).keys) == 8


def test_a_file_that_others_can_read_is_refused(keys):
    keys.path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Keys.load(keys.path)


def test_a_newer_schema_is_refused(keys):
    tree = msgspec.json.decode(keys.path.read_bytes())
    keys.path.write_bytes(msgspec.json.encode(tree | {"v": 2}))
    with pytest.raises(ConfigError, match="schema 1"):
        Keys.load(keys.path)


@pytest.mark.parametrize("owner", ["edge:x", "anonymous", "unauthenticated", "a\nb", "x" * 201])
def test_an_owner_cannot_pose_as_somebody_else(keys, owner):
    with pytest.raises(ConfigError):
        keys.add(Holder(owner=owner), 0.0)


def test_an_unwritable_place_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="writable"):
        Keys.open(tmp_path / "absent" / "keys.json")


def test_a_pseudonym_is_stable_and_tells_nothing(keys):
    assert keys.pseudonym(b"secret") == Keys.load(keys.path).pseudonym(b"secret") != keys.pseudonym(b"secreu")
    assert len(keys.pseudonym(b"secret")) == 32
