import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.core.errors import ConfigError
from wellhead.core.event import Event
from wellhead.defend.own.slip import BYTES, Slips, place_of, read, slip, slips_of, written

NONCE = bytes(range(32))
EVENT = Event(request="r", time_us=1, principal="eve", model="m", rows=2, status=200, part=3)


@given(st.binary(min_size=32, max_size=32), st.text(), st.integers(0, 2**64 - 1), st.binary())
def test_a_slip_is_the_hmac_of_principal_input_and_mark(nonce, principal, print_, told):
    made = hmac.new(nonce, digestmod=hashlib.sha256)
    for part in (principal.encode(), print_.to_bytes(8, "little"), told):
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    assert slip(nonce, principal, print_, told) == made.digest()[:BYTES]


def test_every_part_counts():
    others = [
        slip(bytes(32), "eve", 7, b"x"),
        slip(NONCE, "bob", 7, b"x"),
        slip(NONCE, "eve", 8, b"x"),
        slip(NONCE, "eve", 7, b"y"),
        slip(NONCE, "eve", 7),
    ]
    assert len({slip(NONCE, "eve", 7, b"x"), *others}) == 6


def test_the_record_names_its_event_and_gives_back_a_slip_a_row():
    each = [slip(NONCE, "eve", n) for n in (1, 2)]
    found = read(written(slips_of("c", EVENT, each)))
    assert found.commitment == "c"
    assert found.place == place_of(EVENT) == ("r", 3, "eve")
    assert found.each(2) == each


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_slips_of_another_number_of_rows_vouch_for_none(rows):
    assert slips_of("c", EVENT, [bytes(BYTES), bytes(BYTES)]).each(rows) == []


@pytest.mark.parametrize("text", ["", "A", "no base64!"])
def test_slips_that_are_no_base64_vouch_for_none(text):
    assert Slips(commitment="c", request="r", part=0, principal="eve", slips=text).each(2) == []


def test_another_detail_is_no_record_of_slips():
    with pytest.raises(ConfigError, match="slips"):
        read("{}")
