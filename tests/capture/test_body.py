import asyncio
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.body import ClientGone, decompress, read_body
from wellhead.capture.deadlines import Deadlines
from wellhead.capture.headers import Head
from wellhead.core.errors import Refusal


def read(*messages, length=-1, limit=100, coding=None, timeout_s=5.0):
    waiting = list(messages)

    async def receive():
        if not waiting:
            await asyncio.sleep(60)
        return waiting.pop(0)

    head = Head({} if coding is None else {b"content-encoding": coding}, [], length, False)
    return asyncio.run(read_body(receive, head, limit, Deadlines(timeout_s)))


def part(data, more=False):
    return {"type": "http.request", "body": data, "more_body": more}


def status(*messages, **how):
    with pytest.raises(Refusal) as caught:
        read(*messages, **how)
    return caught.value.status


def test_bodies_in_one_or_more_parts():
    assert read(part(b"abc"), length=3) == b"abc"
    assert read({"type": "http.request"}) == b""
    assert read(part(b"ab", True), part(b"", True), part(b"c")) == b"abc"


def test_bodies_that_are_too_large_too_short_or_too_late():
    assert status(length=101) == 413
    assert status(part(b"a" * 101)) == 413
    assert status(part(b"a" * 60, True), part(b"a" * 60, True)) == 413
    assert status(part(b""), length=5) == 400
    assert status(part(b"a", True), length=5, timeout_s=0.05) == 408


def test_a_client_that_leaves():
    with pytest.raises(ClientGone):
        read(part(b"a", True), {"type": "http.disconnect"})
    with pytest.raises(ClientGone):
        read({"type": "http.disconnect"})


def test_a_cancelled_request_is_not_a_late_one():
    async def run():
        deadlines = Deadlines(5.0)
        task = asyncio.create_task(read_body(lambda: asyncio.sleep(60), Head({}, [], -1, False), 9, deadlines))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(deadlines) == 0

    asyncio.run(run())


@given(st.binary(max_size=500))
def test_codings_are_undone(plain):
    assert decompress(gzip.compress(plain), b"gzip", 1_000) == plain
    assert decompress(zlib.compress(plain), b" Deflate", 1_000) == plain
    assert decompress(plain, b"identity", 1_000) == plain


@given(st.binary(max_size=100))
def test_junk_is_a_refusal(junk):
    with pytest.raises(Refusal) as caught:
        decompress(b"\x00" + junk, b"gzip", 1_000)
    assert caught.value.status == 400


def test_bombs_and_odd_streams():
    bomb = gzip.compress(b"\0" * 30_000_000)
    for data, coding, expected in (
        (bomb, b"gzip", 413),
        (gzip.compress(b"a" * 2_000), b"gzip", 413),
        (gzip.compress(b"a")[:-4], b"gzip", 400),
        (gzip.compress(b"a") * 2, b"gzip", 400),
        (b"a", b"br", 415),
        (gzip.compress(b"a"), b"gzip, gzip", 415),
    ):
        with pytest.raises(Refusal) as caught:
            decompress(data, coding, 50_000_000 if data is bomb else 1_000)
        assert caught.value.status == expected
