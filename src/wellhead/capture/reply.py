"""What goes back to the client, and the model's answer held back until it may leave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

import msgspec

from wellhead.capture import challenge
from wellhead.capture.headers import Pair, end_to_end
from wellhead.core.errors import BadAnswer, Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_JSON = (b"content-type", b"application/json")
_ENCODE = msgspec.json.Encoder().encode


class Reply(NamedTuple):
    """A whole response. headers: without content-length."""

    status: int
    headers: list[Pair]
    body: bytes


def refused(refusal: Refusal, *, close: bool = False) -> Reply:
    """The response to a refusal: one line in JSON, saying what was expected, what came and the remedy."""
    headers = [_JSON]
    if refusal.retry_after_s > 0 or refusal.status == 429:
        headers.append((b"retry-after", b"%d" % max(1, -int(-refusal.retry_after_s // 1))))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="wellhead"'))
    if refusal.challenge:
        headers.append((challenge.HEADER, refusal.challenge))
    if close:
        headers.append((b"connection", b"close"))
    return Reply(refusal.status, headers, _ENCODE({"error": str(refusal)}))


async def send_reply(reply: Reply, send: Send) -> None:
    """Send a whole response with the length that it has; a client that has gone is no error."""
    status, headers, body = reply
    if status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    except OSError:
        # Some servers raise where the client has gone; the answer counts as given.
        pass


class Held:
    """The two ends of an inner application: it reads one whole body, and what it answers stays here.

    status: 0 until the answer began.  whole: the answer ended as it should.
    """

    __slots__ = ("_body", "_chunks", "_max_bytes", "_receive", "_size", "headers", "status", "whole")

    def __init__(self, body: bytes, receive: Receive, max_bytes: int) -> None:
        self._body: bytes | None = body
        self._receive = receive
        self._max_bytes = max_bytes
        self._chunks: list[bytes] = []
        self._size = 0
        self.status = 0
        self.headers: list[Pair] = []
        self.whole = False

    async def receive(self) -> Message:
        """The body in one message, then what the client does, which is to leave or to wait."""
        body = self._body
        if body is None:
            return await self._receive()
        self._body = None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Keep a message of the answer; raises BadAnswer for one that cannot be held back."""
        kind = message["type"]
        if kind == "http.response.body" and self.status and not self.whole:
            chunk = message.get("body", b"")
            self._size += len(chunk)
            if self._size > self._max_bytes:
                raise BadAnswer(f"expected an answer of at most {self._max_bytes} bytes from the model, got more")
            self._chunks.append(chunk)
            self.whole = not message.get("more_body")
        elif kind == "http.response.start" and not self.status:
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
        else:
            raise BadAnswer(f"expected one whole answer from the model, got {kind} out of order")

    @property
    def body(self) -> bytes:
        """The whole answer's bytes; raises BadAnswer where it did not end."""
        if not self.whole:
            raise BadAnswer("expected a whole answer from the model, got a part of one or none")
        chunks = self._chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def check_plain(self) -> None:
        """Raises BadAnswer for a compressed answer, which no rule could look into."""
        _ = self.content_type

    @property
    def content_type(self) -> str:
        """The answer's only content type, "" where there is none; raises BadAnswer for two, or for a compressed one."""
        found: bytes | None = None
        for name, value in self.headers:
            if name == b"content-type":
                if found is not None:
                    raise BadAnswer("expected one content-type in the model's answer, got two")
                found = value
            elif name == b"content-encoding" and value != b"identity":
                raise BadAnswer("expected an uncompressed answer from the model, got a compressed one")
        return found.decode("latin-1") if found else ""


class Passing:
    """Sends an unread answer on as it comes, without hop-by-hop headers and server versions."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def send(self, message: Message) -> None:
        """Send one message on."""
        if message["type"] == "http.response.start":
            self.started = True
            message = {**message, "headers": end_to_end(message.get("headers", ()))}
        await self._send(message)
