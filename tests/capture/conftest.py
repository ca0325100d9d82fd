"""Real servers on loopback: one that guards, and one that says whatever a test wants it to say."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn

from wellhead.capture.asgi import Middleware
from wellhead.capture.guard import Guard
from wellhead.capture.identify import Identify
from wellhead.capture.keys import Holder, Keys
from wellhead.capture.upstream import Upstream
from wellhead.config import Config, Limits
from wellhead.core.errors import BadAnswer, Refusal
from wellhead.core.event import Answer, Exchange, ModelSpec, Query
from wellhead.core.exposure import Exposure
from wellhead.core.verdict import Stance, Verdict
from wellhead.defend.answer_rules import AnswerRules
from wellhead.protocols.base import ONLY_MODEL

ALLOW = Verdict(Stance.ALLOW, Exposure.PROBABILITIES)


class Toy:
    """A protocol of one path: {"x": [...]} in, {"scores": [...]} out."""

    def match(self, method, path):
        return ONLY_MODEL if method == "POST" and path == "/predict" else None

    def read_query(self, body, content_type, spec):
        try:
            return Query("toy", [str(v) for v in msgspec.json.decode(body)["x"]], 1, Exposure.PROBABILITIES)
        except (msgspec.MsgspecError, KeyError, TypeError, RecursionError):
            raise Refusal(400, 'expected {"x": [...]}, got something else') from None

    def clamp(self, body, query, allowed):
        return body if allowed > Exposure.LABEL else b'{"x":["clamped"]}'

    def read_answer(self, body, content_type, query, spec):
        try:
            msgspec.json.decode(body)["scores"]
        except (msgspec.MsgspecError, KeyError, TypeError):
            raise BadAnswer('expected {"scores": [...]}, got something else') from None
        return Answer(Exposure.PROBABILITIES)

    def write_answer(self, body, content_type, answer, spec):
        return b'{"label":1}' if answer.kind is Exposure.LABEL else b'{"scores":[1]}'


class ToyGate:
    """Says what it is told to say, and remembers what was given back."""

    key = b"k" * 32

    def __init__(self):
        self.verdict = ALLOW
        self.released = []
        self.admitted = 0

    def admit(self, caller, query, now_s, solved=False):
        self.admitted += 1
        return ALLOW if solved else self.verdict

    def shape(self, query, answer, verdict):
        if verdict.exposure >= answer.kind:
            return answer, ""
        return Answer(verdict.exposure), "label_only"

    def release(self, caller, rows):
        self.released.append((caller.principal, rows))


def exchange_bytes(port: int, data: bytes | list[bytes], *, shut: bool = False) -> bytes:
    """Send bytes and return all that comes back until the other side closes."""
    parts = [data] if isinstance(data, bytes) else data
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s, contextlib.suppress(ConnectionError):
        for part in parts:
            s.sendall(part)
            if len(parts) > 1:
                time.sleep(0.02)
        if shut:
            s.shutdown(socket.SHUT_WR)
        while chunk := s.recv(65_536):
            received += chunk
    return received


@contextlib.contextmanager
def serving(app: Any, lifespan: str = "off") -> Iterator[int]:
    """Run an ASGI app under uvicorn; yields its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="asyncio",
        ws="none",
        proxy_headers=False,
        log_level="critical",
        lifespan=lifespan,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


class Origin:
    """A model server that answers each request with the next of its scripted byte strings, then as the last."""

    def __init__(self, *script: bytes | Callable[[socket.socket], None], close: bool = False) -> None:
        self.script = list(script)
        self.close = close
        self.requests: list[bytes] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                s, _ = self._listening.accept()
                self.connections += 1
                self._open.append(s)
                threading.Thread(target=self._talk, args=(s,), daemon=True).start()

    def _talk(self, s: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while request := _request(s):
                self.requests.append(request)
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if callable(step):
                    step(s)
                else:
                    s.sendall(step)
                if self.close:
                    s.close()
                    return

    def stop(self) -> None:
        self._listening.close()
        for s in self._open:
            s.close()


def _request(s: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = s.recv(65_536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += s.recv(65_536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def origin() -> Iterator[Callable[..., Origin]]:
    made: list[Origin] = []

    def make(*script: Any, close: bool = False) -> Origin:
        made.append(Origin(*script, close=close))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Guarded:
    """A guarded toy model under uvicorn: what it was asked, what was observed."""

    def __init__(self, keys: Keys) -> None:
        self.gate = ToyGate()
        self.protocol = Toy()
        self.exchanges: list[Exchange] = []
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []
        self.answer: tuple[int, list[tuple[bytes, bytes]], bytes] = (200, [], b'{"scores":[0.5,0.5]}')
        self.identify: Any = None
        self.keys = keys
        self.token = keys.add(Holder(owner="alice"), 1_000.0)
        self.middleware: Middleware
        self.port = 0

    def guard(
        self, config: Config, app: Any = None, body_timeout_s: float = 5.0, rules: AnswerRules | None = None
    ) -> Middleware:
        self.identify = Identify(config.identity, config.access, self.keys)
        self.middleware = Middleware(
            app or self.model,
            Guard(
                self.protocol,
                ModelSpec(),
                self.identify,
                self.gate,
                self.exchanges.append,
                config,
                time.time,
                body_timeout_s,
                rules,
            ),
        )
        return self.middleware

    async def model(self, scope, receive, send):
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.scopes.append(scope)
        self.bodies.append(body)
        status, headers, answer = self.answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def post(self, *lines: str, body: bytes = b'{"x":[1]}', path: str = "/predict", key: bool = True) -> bytes:
        """A raw request with these extra header lines."""
        head = [f"POST {path} HTTP/1.1", "host: x", "connection: close", f"content-length: {len(body)}", *lines]
        if key:
            head.append(f"x-api-key: {self.token}")
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body

    def raw(self, *lines: str, body: bytes = b"") -> bytes:
        """A raw request of these lines, with a valid key added."""
        return "\r\n".join([*lines, f"x-api-key: {self.token}"]).encode("latin-1") + b"\r\n\r\n" + body

    def ask(self, data: bytes | list[bytes], **how: bool) -> bytes:
        return exchange_bytes(self.port, data, **how)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys.open(tmp_path / "keys.json")


@pytest.fixture
def guarded(keys: Keys) -> Iterator[Callable[..., Guarded]]:
    with contextlib.ExitStack() as stack:

        def make(
            config: Config | None = None,
            app: Any = None,
            body_timeout_s: float = 5.0,
            rules: AnswerRules | None = None,
        ) -> Guarded:
            one = Guarded(keys)
            middleware = one.guard(config or Config(), app, body_timeout_s, rules)
            one.port = stack.enter_context(serving(middleware, "on" if isinstance(app, Upstream) else "off"))
            return one

        yield make


@pytest.fixture
def unserved(keys: Keys) -> Guarded:
    """A guarded toy model without a server."""
    return Guarded(keys)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One server for many refused requests; bodies of at most 1,000 bytes."""
    one = Guarded(Keys.open(tmp_path_factory.mktemp("keys") / "keys.json"))
    with serving(one.guard(Config(limits=Limits(max_body_bytes=1000)))) as port:
        one.port = port
        yield one
