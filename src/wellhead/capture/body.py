"""Request bodies: whole, bounded in size and time, and decompressed within bounds."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from wellhead.capture.deadlines import Deadlines
from wellhead.capture.headers import Head
from wellhead.core.errors import Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

MAX_RATIO = 200
_RATIO_FLOOR = 1_048_576
_WBITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


class ClientGone(Exception):
    """The client closed the connection before it had its answer."""


async def read_body(receive: Receive, head: Head, max_bytes: int, deadlines: Deadlines) -> bytes:
    """The request's body, decompressed; raises Refusal 400, 408, 413 or 415, and ClientGone."""
    if head.length > max_bytes:
        raise _too_large(max_bytes)
    task = asyncio.current_task()
    expired: list[bool] = []

    def expire() -> None:
        expired.append(True)
        if task is not None:
            task.cancel()

    deadlines.watch(task, expire)
    try:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
        else:
            body = await _rest(message, receive, max_bytes)
    except asyncio.CancelledError:
        if not expired or task is None:
            raise
        task.uncancel()
        raise Refusal(408, f"expected the whole body within {deadlines.limit_s:g} s, got a part of it") from None
    finally:
        deadlines.drop(task)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    if 0 <= head.length != len(body):
        raise Refusal(400, f"expected {head.length} bytes of body as declared, got {len(body)}")
    coding = head.named.get(b"content-encoding")
    return body if coding is None else decompress(body, coding, max_bytes)


async def _rest(message: Message, receive: Receive, max_bytes: int) -> bytes:
    """The whole body that begins with this message."""
    parts, size = [], 0
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes:
            raise _too_large(max_bytes)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def decompress(body: bytes, coding: bytes, max_bytes: int) -> bytes:
    """The body without its content coding; raises Refusal 400 (damaged), 413 (too large), 415 (unknown coding)."""
    coding = coding.strip().lower()
    if coding in (b"", b"identity"):
        return body
    if coding not in _WBITS:
        raise Refusal(415, "expected content-encoding gzip, deflate or identity, got another")
    limit = min(max_bytes, max(_RATIO_FLOOR, MAX_RATIO * len(body)))
    inflater = zlib.decompressobj(_WBITS[coding])
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise Refusal(400, f"expected {coding.decode()} data in the body, got something else") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise Refusal(400, f"expected one whole {coding.decode()} stream, got a part of one or more than one")
    return plain


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"expected a body of at most {limit} bytes, got more")
