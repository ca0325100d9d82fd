"""One keep-alive connection to the model server: bytes to one answer, anything doubtful an error.

The rules follow RFC 9112 where it says how a response ends, and close the connection whenever that could be read twice.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httptools

from wellhead.core.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEAD_BYTES = 65_536
HIGH_WATER_BYTES = 262_144
_MAX_INTERIM = 8

Pair = tuple[bytes, bytes]


class Connection(asyncio.Protocol):
    """Carries one request at a time. status: 0 until the answer's head was read; `error` says why there is none."""

    def __init__(self, max_bytes: int, on_lost: Callable[[Connection], None]) -> None:
        self._max_bytes = max_bytes
        self._on_lost = on_lost
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport
        self.closed = False
        self.busy = False
        self.uses = 0
        self.idle_since = 0.0
        self._clear()

    def _clear(self) -> None:
        self.status = 0
        self.headers: list[Pair] = []
        self.chunks: list[bytes] = []
        self.done = False
        self.keep = False
        self.error: Exception | None = None
        self.untouched = True
        self._head_done = False
        self._size = 0
        self._waiting_bytes = 0
        self._until_close = False
        self._is_head = False

    def begin(self, is_head: bool) -> None:
        """Get ready for the answer of the next request."""
        if self.uses:
            self._clear()
        self.uses += 1
        self.busy = True
        self._is_head = is_head

    async def wait(self) -> None:
        """Return once there is something to take: the head with bytes, the end, or an error."""
        if not (self.done or self.error or (self.chunks and self._head_done)):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def take(self) -> bytes:
        """The bytes of body that came since the last call."""
        chunks = self.chunks
        if self._waiting_bytes > HIGH_WATER_BYTES and not self.closed:
            self.transport.resume_reading()
        self._waiting_bytes = 0
        if len(chunks) == 1:
            self.chunks = []
            return chunks[0]
        self.chunks = []
        return b"".join(chunks)

    def fail(self, error: Exception) -> None:
        """End the answer with an error and drop the connection."""
        if self.error is None:
            self.error = error
        self.close()
        self._wake()

    def close(self) -> None:
        """Drop the connection; nothing that is still on its way counts."""
        self.closed = True
        self.transport.abort()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if not self.busy or self.done:
            # Bytes that no request asked for would become the next caller's answer.
            self.close()
            return
        self.untouched = False
        if not self._head_done:
            self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fail(bad("a switch of protocols"))
        except httptools.HttpParserError as e:
            self.fail(e.__context__ if isinstance(e.__context__, Refusal) else bad("bytes that are not HTTP"))
        else:
            if not self._head_done and self._size > MAX_HEAD_BYTES:
                self.fail(bad(f"more than {MAX_HEAD_BYTES} bytes of headers"))
            elif self.done or self.chunks:
                self._wake()

    def eof_received(self) -> None:
        self.closed = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._on_lost(self)
        if self.busy and not self.done and self.error is None:
            if self._until_close and exc is None:
                self.done = True
            else:
                self.error = bad("an end in the middle" if not self.untouched else "an end before the first byte")
        self._wake()

    # httptools

    def on_message_begin(self) -> None:
        if self.done:
            raise bad("two answers to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_done:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return
        if self.status > 599:
            raise bad(f"status {self.status}")
        self._head_done = True
        self._size = 0
        self._check_framing()

    def _check_framing(self) -> None:
        """How will this answer end? Refuse what two readers could answer differently."""
        lengths, size, codings = 0, 0, []
        for name, value in self.headers:
            size += len(name) + len(value)
            if name == b"content-length":
                lengths += 1
                if int(value) > self._max_bytes:
                    raise _too_large(self._max_bytes)
            elif name == b"transfer-encoding":
                codings.append(value.strip().lower())
            elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise bad("a compressed answer, which nobody asked for")
        if size > MAX_HEAD_BYTES:
            raise bad(f"more than {MAX_HEAD_BYTES} bytes of headers")
        if codings and codings != [b"chunked"]:
            raise bad("a transfer coding other than chunked")
        if self._is_head:
            self.done = True
        self._until_close = not lengths and not codings and self.status not in (204, 304)

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_bytes:
            raise _too_large(self._max_bytes)
        self.chunks.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > HIGH_WATER_BYTES:
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.status < 200:
            self.headers.clear()
            self._interim()
            return
        self.done = True
        self.keep = self._parser.should_keep_alive() and not self._is_head and not self._until_close

    def _interim(self) -> None:
        """Skip 100 and 103 (RFC 9110, 15.2), but not without end."""
        self._size += MAX_HEAD_BYTES // _MAX_INTERIM
        if self._size > MAX_HEAD_BYTES:
            raise bad("interim answers without end")


def bad(what: str) -> Refusal:
    """502: the model server broke HTTP."""
    return Refusal(502, f"expected an HTTP answer from the model server, got {what}")


def _too_large(limit: int) -> Refusal:
    return Refusal(502, f"expected an answer of at most {limit} bytes from the model server, got more")
