"""What a connection does with bytes, without a socket; whole conversations are in test_upstream.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.capture.wire import HIGH_WATER_BYTES, Connection
from wellhead.core.errors import Refusal


class Transport:
    def __init__(self):
        self.calls = []

    def abort(self):
        self.calls.append("abort")

    def pause_reading(self):
        self.calls.append("pause")

    def resume_reading(self):
        self.calls.append("resume")


def begun(is_head=False, limit=10_000_000):
    connection = Connection(limit, lambda c: None)
    connection.connection_made(Transport())
    connection.begin(is_head)
    return connection


ANSWER = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"
)


@given(st.lists(st.integers(0, len(ANSWER)), max_size=8))
def test_it_does_not_matter_where_the_bytes_are_cut(cuts):
    connection, body, last = begun(), b"", 0
    for cut in [*sorted(cuts), len(ANSWER)]:
        connection.data_received(ANSWER[last:cut])
        body += connection.take()
        last = cut
    assert (connection.status, body, connection.done, connection.keep) == (200, b"abc", True, True)
    assert connection.headers == [(b"x-a", b"1"), (b"transfer-encoding", b"chunked")]


def test_reading_stops_while_much_waits():
    connection = begun()
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n" + b"a" * (HIGH_WATER_BYTES + 1))
    assert connection.transport.calls == ["pause"]
    connection.take()
    assert connection.transport.calls == ["pause", "resume"]


def test_bytes_that_nobody_asked_for_close():
    connection = Connection(9, lambda c: None)
    connection.connection_made(Transport())
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    assert connection.closed and connection.transport.calls == ["abort"]


def test_two_answers_in_one_read_are_none():
    connection = begun()
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" * 2)
    assert connection.error.status == 502 and connection.closed


def test_an_end_counts_only_where_it_is_the_length():
    open_ended = begun()
    open_ended.data_received(b"HTTP/1.1 200 OK\r\n\r\nabc")
    open_ended.connection_lost(None)
    assert open_ended.done and not open_ended.keep and open_ended.take() == b"abc"
    for exc, answer in (
        (None, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"),
        (OSError(), b"HTTP/1.1 200 OK\r\n\r\nabc"),
    ):
        cut = begun()
        cut.data_received(answer)
        cut.connection_lost(exc)
        assert cut.error.status == 502


def test_the_first_error_stays():
    connection = begun()
    connection.fail(Refusal(504, "slow"))
    connection.fail(Refusal(502, "other"))
    assert connection.error.status == 504


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise(junk, is_head):
    connection = begun(is_head, 50)
    connection.data_received(b"HTTP/1.1 2" + junk)
    connection.connection_lost(None)
    assert connection.done or connection.error


@pytest.mark.parametrize("length", [b"10", b"99999999999"])
def test_a_declared_length_is_believed_at_once(length):
    connection = begun(limit=9)
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\n")
    assert connection.error.status == 502
