"""The control socket: the command line asks the running gate, over a Unix socket that only its owner can open.

One line of JSON each way. File permissions are the authentication: the socket is mode 0600.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from wellhead.core.errors import ConfigError, WellheadError
from wellhead.serve.status import Ask, Reply

SOCKET = "control.sock"
_LONGEST_PATH = 100
_LONGEST_LINE = 1 << 16
_WAIT_S = 10.0

Answerer = Callable[[Ask], Awaitable[Reply]]


def socket_path(directory: str) -> Path:
    """Where the socket of a log directory lies; raises ConfigError where the system cannot hold so long a path."""
    path = Path(directory).resolve() / SOCKET
    if len(str(path).encode()) > _LONGEST_PATH:
        raise ConfigError(f"expected a log directory whose path is under {_LONGEST_PATH - 13} bytes, got {directory}")
    return path


async def serve_control(directory: str, answer: Answerer) -> asyncio.Server:
    """Start answering Asks; the caller closes the server."""
    path = socket_path(directory)
    path.unlink(missing_ok=True)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.LimitOverrunError, ValueError):
            line = await reader.readline()
            writer.write(msgspec.json.encode(await _reply(line, answer)) + b"\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(handle, path, limit=_LONGEST_LINE)
    path.chmod(0o600)
    return server


async def _reply(line: bytes, answer: Answerer) -> Reply:
    try:
        return await answer(msgspec.json.decode(line, type=Ask))
    except (msgspec.MsgspecError, WellheadError) as e:
        return Reply(error=str(e))


def ask(directory: str, question: Ask) -> Reply:
    """Ask the running gate of a log directory; raises ConfigError where none runs or it refuses."""
    path = socket_path(directory)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(_WAIT_S)
        try:
            s.connect(str(path))
            s.sendall(msgspec.json.encode(question) + b"\n")
            line = b"".join(iter(lambda: s.recv(_LONGEST_LINE), b""))
        except OSError as e:
            raise ConfigError(
                f"expected a running gate at {path}, got: {e.strerror or e}", "start it with `wellhead serve`"
            ) from e
    reply = msgspec.json.decode(line, type=Reply)
    if reply.error:
        raise ConfigError(reply.error)
    return reply
