"""A model server on a real socket that fails as told, and counts what it saw."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from wellhead.core.errors import BadAnswer
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.ask import Asker, Patience
from wellhead.redteam.budget import Budget
from wellhead.redteam.transcript import Transcript

WEIGHTS = np.random.default_rng(7).normal(size=(4, 3))


def model(inputs) -> np.ndarray:
    """(n, 3) probabilities of a softmax regression on 4 features."""
    powers = np.exp(np.asarray(inputs, np.float64) @ WEIGHTS)
    return powers / powers.sum(axis=1, keepdims=True)


class Json:
    """The smallest protocol: {"inputs": [[...]]} answered by {"scores": [[...]]}."""

    def write_query(self, query, spec):
        return f"/{spec.name}", "application/json", json.dumps({"inputs": np.asarray(query.inputs).tolist()}).encode()

    def read_answer(self, body, content_type, query, spec):
        try:
            scores = np.array(json.loads(body)["scores"], float)
        except (ValueError, KeyError, TypeError) as e:
            raise BadAnswer(f"expected scores, got {body[:20]!r}") from e
        return Answer(Exposure.PROBABILITIES, scores=scores)


class Server:
    """misbehave(account, number of the request) -> None to answer, or (status, headers), or `drop`, or bytes."""

    def __init__(self) -> None:
        self.misbehave: Callable[[str, int], object] = lambda account, number: None
        self.requests = self.rows_answered = self.rows_dropped = 0
        self.by_account: Counter[str] = Counter()
        self.seen: Counter[bytes] = Counter()
        self.connections = 0
        self.lock = threading.Lock()
        self.paths: set[str] = set()
        self.headers: list[dict[str, str]] = []
        self.most_rows = 10**9
        self.refusal = b"no"
        self.trickle = self.chunked = False
        self.model = model
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def setup(self):
                super().setup()
                with server.lock:
                    server.connections += 1

            def finish(self):
                with contextlib.suppress(OSError):
                    super().finish()

            def do_POST(self):
                server.answer(self)

            def log_message(self, *args):
                pass

        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._httpd.server_port}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, handler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        try:
            inputs = json.loads(body)["inputs"]
            served = self.model(np.array(inputs, float))
        except ValueError:
            inputs, served = [], None
        account = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        with self.lock:
            self.requests += 1
            number = self.requests
            self.by_account[account] += 1
            self.paths.add(handler.path)
            self.headers.append(dict(handler.headers))
        what = (413, {}) if len(inputs) > self.most_rows else self.misbehave(account, number)
        what = (400, {}) if served is None and what is None else what
        with self.lock:
            if what == "drop":
                self.rows_dropped += len(inputs)
            elif not isinstance(what, tuple):
                self.rows_answered += len(inputs)
                self.seen.update(np.array(row, np.float32).tobytes() for row in inputs)
        if what == "drop":
            handler.close_connection = True
            return
        status, headers = what if isinstance(what, tuple) else (200, {})
        text = (
            what
            if isinstance(what, bytes)
            else json.dumps({"scores": [] if served is None else served.tolist()}).encode()
        )
        text = self.refusal if status != 200 else text
        if self.trickle:
            self.drip(handler)
            return
        handler.send_response(status)
        if self.chunked:
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text))
            return
        for name, value in {"Content-Length": str(len(text)), "Content-Type": "application/json", **headers}.items():
            handler.send_header(name, value)
        handler.close_connection = headers.get("Connection") == "close"
        handler.end_headers()
        handler.wfile.write(text)

    def drip(self, handler) -> None:
        """A byte now and then, for ever: each one renews a socket timeout."""
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.02)
        handler.close_connection = True

    def close(self) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def softmax():
    return model


@pytest.fixture
def wording():
    return Json()


@pytest.fixture
def pool():
    return np.random.default_rng(1).normal(size=(2000, 4)).astype(np.float32)


HASTY = Patience(first_wait_s=0.001, longest_wait_s=0.004, give_up_after_s=5.0, attempts=50)


@pytest.fixture
def record(tmp_path) -> Iterator[Callable[..., Transcript]]:
    """Open the transcript of this test, again and again; each is closed in the end."""
    opened = []

    def open_it(path=None):
        opened.append(Transcript(path or tmp_path / "transcript.jsonl"))
        return opened[-1]

    yield open_it
    for transcript in opened:
        transcript.close()


@pytest.fixture
def asker() -> Iterator[Callable[..., Asker]]:
    opened = []

    def make(oracle, budget=None, transcript=None, patience=HASTY):
        opened.append(Asker(oracle, budget or Budget(), transcript or Transcript(), patience, np.random.default_rng(0)))
        return opened[-1]

    yield make
    for asker in opened:
        asker.close()
