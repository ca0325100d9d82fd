import asyncio
import contextlib
import os
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellhead.capture.body import ClientGone
from wellhead.capture.upstream import Upstream
from wellhead.config import Config, Paths
from wellhead.config import Upstream as Settings
from wellhead.core.errors import ConfigError, Refusal

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class Talk:
    """Asks an Upstream as an ASGI server would."""

    def __init__(self, port, **settings):
        self.app = Upstream(Settings(**{"url": f"http://127.0.0.1:{port}", "read_timeout_s": 5.0, **settings}))

    async def ask(self, method="POST", body=b"{}", headers=(), path=b"/p", query=b"", gone_after_s=None):
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        status, answered, data = 0, [], []

        async def receive():
            if messages:
                return messages.pop()
            await asyncio.sleep(60 if gone_after_s is None else gone_after_s)
            return {"type": "http.disconnect"}

        async def send(message):
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], message["headers"]
            else:
                data.append(message["body"])

        scope = {"type": "http", "method": method, "raw_path": path, "query_string": query, "headers": headers}
        await self.app(scope, receive, send)
        return status, dict(answered), b"".join(data)

    def run(self, *asks):
        """The results of asks made one after another in one event loop; an exception is a result."""

        async def one_by_one():
            results = []
            for ask in asks or ({},):
                try:
                    results.append(await self.ask(**ask))
                except Exception as e:
                    results.append(e)
                await asyncio.sleep(0.02)
            self.app.close()
            await asyncio.sleep(0)
            return results

        return asyncio.run(one_by_one())


def refused(result, status):
    assert isinstance(result, Refusal), result
    assert result.status == status and "\n" not in str(result)


def test_one_request_goes_out_as_it_came_but_for_one_hop(origin):
    o = origin(OK)
    headers = [
        (b"host", b"client"),
        (b"x-a", b"1"),
        (b"connection", b"x"),
        (b"content-length", b"99"),
        (b"te", b"gzip"),
    ]
    (result,) = Talk(o.port).run({"headers": headers, "query": b"a=%20", "path": b"/v2/%6d"})
    assert result == (200, {b"content-length": b"2"}, b"hi")
    (request,) = o.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /v2/%6d?a=%20 HTTP/1.1",
        b"host: 127.0.0.1:%d" % o.port,
        b"x-a: 1",
        b"content-length: 2",
    ]
    assert body == b"{}"


def test_a_base_path_is_put_before(origin):
    o = origin(OK)
    Talk(o.port, url=f"http://127.0.0.1:{o.port}/base/").run()
    assert o.requests[0].startswith(b"POST /base/p HTTP/1.1")


def test_a_header_cannot_end_its_line(origin):
    o = origin(OK)
    results = Talk(o.port).run(*({"headers": [(b"x", b"a" + c + b"evil: 1")]} for c in (b"\r\n", b"\n", b"\r", b"\0")))
    for result in results:
        refused(result, 400)
    assert o.requests == []


def test_connections_are_kept_and_dropped_as_the_server_says(origin):
    o = origin(OK)
    assert [r[0] for r in Talk(o.port).run({}, {}, {})] == [200] * 3
    assert o.connections == 1
    c = origin(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    Talk(c.port).run({}, {})
    assert c.connections == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\nx-trailer: 1\r\n\r\n",
            b"hi!",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nx: y\r\n\r\n" + OK, b"hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", b""),
    ],
)
def test_how_an_answer_may_end(origin, answer, expected):
    o = origin(answer)
    first, second = Talk(o.port).run({}, {})
    assert first[2] == second[2] == expected
    assert b"x-trailer" not in first[1] and b"x" not in first[1]


def test_an_answer_may_end_with_its_connection(origin):
    o = origin(b"HTTP/1.1 200 OK\r\n\r\nhello", close=True)
    assert Talk(o.port).run({})[0][2] == b"hello"
    o = origin(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi")
    assert Talk(o.port).run({}, {})[1][2] == b"hi" and o.connections == 2


def test_a_head_answer_has_no_body_whatever_it_declares(origin):
    o = origin(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")
    assert Talk(o.port).run({"method": "HEAD", "body": b""})[0][2] == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\ncontent-length: 1\n\nx",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: foo\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 80_000 + b"\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7d1\r\n" + b"a" * 2001 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
        OK + OK,
        OK + b"trailing",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\nevil",
    ],
)
def test_doubtful_answers_are_502_and_cost_the_connection(origin, answer):
    o = origin(answer, OK)
    first, second = Talk(o.port, max_answer_bytes=2000).run({}, {})
    refused(first, 502)
    assert second[2] == b"hi" and o.connections == 2


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", b"HTTP/1.1 200", b""])
def test_an_answer_that_stops_is_502(origin, answer):
    o = origin(answer, close=True)
    refused(Talk(o.port).run()[0], 502)


def test_bytes_that_come_while_idle_poison_nobody(origin):
    evil = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"

    def late(s):
        s.sendall(OK)
        time.sleep(0.01)
        s.sendall(evil)

    o = origin(late, OK)
    first, second = Talk(o.port).run({}, {})
    assert first[2] == second[2] == b"hi" and o.connections == 2


def test_a_post_that_may_have_arrived_is_never_sent_twice(origin):
    o = origin(OK, lambda s: s.close(), OK)
    first, second, third = Talk(o.port).run({}, {}, {})
    assert first[2] == third[2] == b"hi"
    refused(second, 502)
    assert len(o.requests) == 3


def test_a_get_on_a_stale_connection_is_sent_once_more(origin):
    o = origin(OK, lambda s: s.close(), OK)
    first, second = Talk(o.port).run({"method": "GET", "body": b""}, {"method": "GET", "body": b""})
    assert first[2] == second[2] == b"hi" and len(o.requests) == 3


def test_a_get_on_a_new_connection_is_not(origin):
    o = origin(lambda s: s.close())
    refused(Talk(o.port).run({"method": "GET", "body": b""})[0], 502)
    assert len(o.requests) == 1


def test_a_connection_that_the_server_closed_while_idle_is_not_used(origin):
    o = origin(OK, close=True)
    assert [r[2] for r in Talk(o.port).run({}, {})] == [b"hi", b"hi"]


def test_down_is_503_and_slow_is_504(origin):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    refused(Talk(port).run()[0], 503)
    o = origin(lambda s: time.sleep(0.5))
    refused(Talk(o.port, read_timeout_s=0.1).run()[0], 504)


def test_a_server_that_drips_is_504(origin):
    def drip(s):
        s.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        for _ in range(50):
            time.sleep(0.02)
            s.sendall(b"x")

    refused(Talk(origin(drip).port, read_timeout_s=0.2).run()[0], 504)


def test_a_client_that_leaves_ends_the_wait(origin):
    o = origin(lambda s: time.sleep(3))
    assert isinstance(Talk(o.port).run({"gone_after_s": 0.01})[0], ClientGone)


def test_large_bodies_both_ways_with_a_slow_reader(origin):
    big = os.urandom(3_000_000)
    o = origin(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(big) + big)
    (result,) = Talk(o.port).run({"body": big})
    assert result[2] == big and o.requests[0].endswith(big)


def test_what_the_client_does_not_take_is_not_read(origin):
    size = 30_000_000
    o = origin(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"a" * size)
    talk = Talk(o.port, max_answer_bytes=size)
    held = []

    async def run():
        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.body":
                held.append(len(message["body"]))
                if len(held) == 1:
                    await asyncio.sleep(0.3)
                    held.append(0)

        scope = {"type": "http", "method": "POST", "raw_path": b"/", "query_string": b"", "headers": []}
        await talk.app(scope, receive, send)
        talk.app.close()
        await asyncio.sleep(0)

    asyncio.run(run())
    # The bytes that waited while the reader slept.
    assert sum(held) == size and held[2] < 2_000_000


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:80", "http://", "http://u:p@x", "http://x/?a=1"])
def test_an_unusable_url_is_a_config_error(url):
    with pytest.raises(ConfigError, match="http://127"):
        Upstream(Settings(url=url))


def test_lifespan_is_served():
    sent = []

    async def run():
        messages = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]

        async def receive():
            return messages.pop()

        async def send(message):
            sent.append(message["type"])

        await Upstream(Settings())({"type": "lifespan"}, receive, send)

    asyncio.run(run())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(junk=st.one_of(st.binary(max_size=80), st.binary(max_size=80).map(lambda b: b"HTTP/1.1 200 OK\r\n" + b)))
def test_whatever_a_server_says_is_an_answer_or_a_refusal(origin, junk):
    o = origin(junk, close=True)
    (result,) = Talk(o.port).run()
    o.stop()
    assert isinstance(result, tuple) or result.status == 502


def test_as_a_proxy_behind_the_middleware(origin, guarded):
    answer = b'{"scores":[0.5]}'
    o = origin(b"HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)
    g = guarded(Config(paths=Paths(allow=("/health",))), Upstream(Settings(url=f"http://127.0.0.1:{o.port}")))
    assert g.ask(g.post()).endswith(answer)
    health = g.ask(b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert health.endswith(answer) and b"server: x" not in health
    assert g.token.encode() not in b"".join(o.requests)


@pytest.mark.parametrize(("script", "status"), [(b"", 502), (b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{", 502)])
def test_a_lying_server_behind_the_middleware(origin, guarded, script, status):
    o = origin(script, close=True)
    g = guarded(app=Upstream(Settings(url=f"http://127.0.0.1:{o.port}")))
    response = g.ask(g.post())
    assert response.startswith(b"HTTP/1.1 %d" % status) and b'{"error":"expected' in response
    assert g.gate.released == [("alice", 1)] and g.exchanges[0].status == status
    with contextlib.suppress(OSError):
        o.stop()
