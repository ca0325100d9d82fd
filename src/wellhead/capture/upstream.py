"""The model server as an ASGI application: a slim keep-alive HTTP/1.1 client.

It sends what it is given, in one write a request, and raises Refusal 502, 503 or 504 where no whole answer comes back.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from wellhead.capture.body import ClientGone
from wellhead.capture.deadlines import Deadlines
from wellhead.capture.wire import Connection
from wellhead.config import Upstream as Settings
from wellhead.core.errors import ConfigError, Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PATIENCE_S = 1.0
_FRESH_S = 0.25
_LARGE = 65_536
_METHODS: dict[str, bytes] = {m: m.encode() for m in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")}
# Written here, or said of one hop only.
_OWN = frozenset(
    b"host content-length connection keep-alive transfer-encoding te trailer upgrade http2-settings expect "
    b"proxy-connection".split()
)


class Upstream:
    """Forwards requests to one origin. Idle connections are used last in, first out.

    read_timeout_s bounds the whole answer, from the request's last byte written to the answer's last byte read.
    A request is sent again only where it cannot have been processed: GET or HEAD on a connection that the
    server had meanwhile closed. A POST that may have arrived is never sent twice.
    """

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.url)
        if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
            raise ConfigError(f"expected `[upstream] url` such as http://127.0.0.1:8000, got `{settings.url[:80]}`")
        self._settings = settings
        self._host, self._port = url.hostname, url.port or (443 if url.scheme == "https" else 80)
        self._tls = url.scheme == "https"
        self._prefix = url.path.rstrip("/").encode("ascii")
        self._head_end = f" HTTP/1.1\r\nhost: {url.netloc}\r\n".encode("ascii")
        self._idle: list[Connection] = []
        self._answers = Deadlines(settings.read_timeout_s)
        self._patience = Deadlines(_PATIENCE_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request from the model server; raises Refusal, and ClientGone."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        body = await _whole(receive)
        head = self._head(scope, len(body))
        connection = await self._asked(scope["method"], head, body)
        watching: list[asyncio.Task[None]] = []
        self._answers.watch(connection, lambda: connection.fail(_slow(self._settings.read_timeout_s)))
        self._patience.watch(
            id(watching), lambda: watching.append(asyncio.create_task(_await_gone(receive, connection)))
        )
        try:
            if connection.uses > 1 and scope["method"] in ("GET", "HEAD"):
                connection = await self._again_if_stale(connection, scope["method"], head)
            await _relay(connection, send)
        except BaseException:
            connection.close()
            raise
        finally:
            self._answers.drop(connection)
            self._patience.drop(id(watching))
            for task in watching:
                task.cancel()
        self._give_back(connection)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    def close(self) -> None:
        """Drop the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _head(self, scope: Scope, length: int) -> bytes:
        """Request line and headers; raises Refusal 400 where a value could end its line."""
        query = scope.get("query_string", b"")
        parts = [
            _METHODS.get(scope["method"]) or scope["method"].encode("ascii"),
            b" ",
            self._prefix,
            scope["raw_path"],
        ]
        parts += (b"?", query, self._head_end) if query else (self._head_end,)
        lines = 2
        for name, value in scope["headers"]:
            if name not in _OWN:
                lines += 1
                parts += (name, b": ", value, b"\r\n")
        parts.append(b"content-length: %d\r\n\r\n" % length if length or scope["method"] == "POST" else b"\r\n")
        head = b"".join(parts)
        extra = 2 if length or scope["method"] == "POST" else 1
        if head.count(b"\n") != lines + extra or head.count(b"\r") != lines + extra or b"\0" in head:
            raise Refusal(400, "expected headers without line breaks, got one with")
        return head

    async def _asked(self, method: str, head: bytes, body: bytes) -> Connection:
        """A connection on which the request was written."""
        connection = self._from_idle() or await self._connect()
        connection.begin(method == "HEAD")
        if len(body) > _LARGE:
            connection.transport.writelines((head, body))
        else:
            connection.transport.write(head + body)
        return connection

    async def _again_if_stale(self, connection: Connection, method: str, head: bytes) -> Connection:
        """The same connection, or a fresh one where the server had closed it without a byte of answer."""
        await connection.wait()
        if connection.error is None or not connection.untouched:
            return connection
        self._answers.drop(connection)
        fresh = await self._connect()
        fresh.begin(method == "HEAD")
        fresh.transport.write(head)
        self._answers.watch(fresh, lambda: fresh.fail(_slow(self._settings.read_timeout_s)))
        return fresh

    def _from_idle(self) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.closed or connection.transport.is_closing():
                continue
            if now - connection.idle_since < _FRESH_S or not _readable(connection):
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        tls = _tls_context() if self._tls else None
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                _, connection = await loop.create_connection(self._new, self._host, self._port, ssl=tls)
        except TimeoutError:
            raise Refusal(504, "expected the model server to accept a connection, got none in time") from None
        except OSError as e:
            raise Refusal(503, "expected the model server to be up, got no connection", retry_after_s=1.0) from e
        return connection

    def _new(self) -> Connection:
        return Connection(self._settings.max_answer_bytes, self._forget)

    def _forget(self, connection: Connection) -> None:
        if not connection.busy and connection in self._idle:
            self._idle.remove(connection)

    def _give_back(self, connection: Connection) -> None:
        connection.busy = False
        if (
            not connection.keep
            or connection.closed
            or len(self._idle) >= self._settings.max_idle_connections
            or connection.transport.get_write_buffer_size()
        ):
            connection.close()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)


async def _whole(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        return body
    parts = []
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


async def _relay(connection: Connection, send: Send) -> None:
    """Send the answer on as it comes; what has not been sent is waited for, so that a slow client slows the server."""
    started = False
    while True:
        await connection.wait()
        if connection.error is not None:
            raise connection.error
        if not started:
            await send({"type": "http.response.start", "status": connection.status, "headers": connection.headers})
            started = True
        done, data = connection.done, connection.take()
        await send({"type": "http.response.body", "body": data, "more_body": not done})
        if done:
            return


async def _await_gone(receive: Receive, connection: Connection) -> None:
    """Give up an answer that nobody waits for any more. Runs only for requests that take long."""
    while (await receive())["type"] != "http.disconnect":
        pass
    connection.fail(ClientGone())


def _readable(connection: Connection) -> bool:
    """True where a connection that should be silent has bytes or its end to read: then it is not usable."""
    socket = connection.transport.get_extra_info("socket")
    if socket is None:
        return False
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _tls_context() -> Any:
    import ssl

    return ssl.create_default_context()


def _slow(limit_s: float) -> Refusal:
    return Refusal(504, f"expected an answer from the model server within {limit_s:g} s, got none")
