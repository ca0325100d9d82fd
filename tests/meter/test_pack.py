import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ProfileError
from wellhead.meter import pack

RECORD = {"name": "x", "list": [1, 2.5, None], "array": np.arange(6, dtype=np.float32).reshape(2, 3)}
DATA = pack.dump("thing", RECORD)


def test_a_record_comes_back():
    back = pack.load("thing", DATA)
    assert back["name"] == "x" and back["list"] == [1, 2.5, None]
    assert back["array"].dtype == np.float32 and (back["array"] == RECORD["array"]).all()


@given(st.integers(0, len(DATA) - 1))
def test_every_cut_is_noticed(at):
    with pytest.raises(ProfileError):
        pack.load("thing", DATA[:at])


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_every_edited_byte_is_noticed(at, change):
    with pytest.raises(ProfileError):
        pack.load("thing", DATA[:at] + bytes([DATA[at] ^ change]) + DATA[at + 1 :])


@pytest.mark.parametrize("data", [b"", b"\x80\x04pickle", b"{}", msgspec.msgpack.encode(("thing", 2, b"", b""))])
def test_anything_else_is_refused(data):
    with pytest.raises(ProfileError):
        pack.load("thing", data)


def test_another_kind_of_record_is_refused():
    with pytest.raises(ProfileError, match="expected a ledger"):
        pack.load("ledger", DATA)


def test_arrays_of_objects_are_not_loaded():
    with pytest.raises(ValueError, match="unexpected array"):
        pack._unhook(1, memoryview(msgspec.msgpack.encode(("O", [1], b"12345678"))))


def test_the_digest_depends_on_every_number():
    assert pack.digest(RECORD) == pack.digest(dict(RECORD)) != pack.digest(RECORD | {"array": RECORD["array"] + 1e-6})
