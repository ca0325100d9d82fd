import stat

import pytest

from wellhead.core.errors import StoreError
from wellhead.store.personal import Personal


def test_a_value_has_one_token_also_after_reopening(tmp_path):
    people = Personal(tmp_path / "people")
    token = people.token("address", "192.0.2.7")
    assert people.token("address", "192.0.2.7") == token != people.token("address", "192.0.2.8")
    assert Personal(tmp_path / "people").token("address", "192.0.2.7") == token
    assert people.value(token) == "192.0.2.7"
    assert people.token("address", "") == ""


def test_the_same_value_in_two_fields_has_two_tokens(tmp_path):
    people = Personal(tmp_path / "people")
    assert people.token("address", "x") != people.token("agent", "x")


def test_erasing_leaves_no_trace_and_a_new_token_afterwards(tmp_path):
    path = tmp_path / "people"
    people = Personal(path)
    token = people.token("email", "ann@example.org")
    people.token("email", "bob@example.org")
    assert people.erase("ann@example.org") == 1
    assert people.value(token) == ""
    assert b"ann@" not in path.read_bytes()
    assert b"bob@" in path.read_bytes()
    assert people.token("email", "ann@example.org") != token


def test_the_file_is_private(tmp_path):
    Personal(tmp_path / "people").token("email", "ann@example.org")
    assert stat.S_IMODE((tmp_path / "people").stat().st_mode) == 0o600


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / "people").write_bytes(b"{nonsense\n")
    with pytest.raises(StoreError, match=r"people:1"):
        Personal(tmp_path / "people")
