"""Every query of a run, counted once, on disk: what was sent, what came back, and what it cost.

Each attempt is two JSON lines: `sent` before the request leaves, `got` after its reply. A killed run therefore knows
what may have been billed, and a resumed one asks nothing again that was answered.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import threading
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from wellhead.core.arrays import Inputs
from wellhead.core.codec import pack, unpack
from wellhead.core.errors import StoreError
from wellhead.core.event import Answer
from wellhead.core.exposure import Exposure
from wellhead.redteam.budget import Spent
from wellhead.redteam.oracle import Reply


class Opened(msgspec.Struct, frozen=True, tag="opened", tag_field="kind"):
    """A session began. owner: who authorised the attack on a target that is not on this host."""

    time_us: int
    target: str
    owner: str = ""
    v: int = 1


class Sent(msgspec.Struct, frozen=True, tag="sent", tag_field="kind"):
    """One attempt leaves. number: of the attempt in this file.  inputs: keyed hashes, hex, comma-separated."""

    number: int
    time_us: int
    account: str
    attempt: int
    rows: int
    inputs: str


class Got(msgspec.Struct, frozen=True, tag="got", tag_field="kind"):
    """Its reply. status: 0 where none came.  scores, labels, values: base64 float64, int64, float64, row-major."""

    number: int
    time_us: int
    status: int
    sent_bytes: int
    received_bytes: int
    latency_us: int
    exposure: int = 0
    scores: str = ""
    labels: str = ""
    values: str = ""
    detail: str = ""


Line = Opened | Sent | Got
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Line).decode
_START = b'{"kind":'


def keys(target: str, inputs: Inputs) -> list[str]:
    """One 128-bit hash of each input, keyed by the target: the same input to another model is another query."""
    secret = hashlib.blake2b(target.encode(), digest_size=32).digest()
    if isinstance(inputs, list):
        rows = [text.encode() for text in inputs]
    else:
        array = np.ascontiguousarray(inputs, "<f8")
        rows = [row.tobytes() for row in array]
    return [hashlib.blake2b(row, digest_size=16, key=secret).hexdigest() for row in rows]


def _packed(array: np.ndarray | None, dtype: str) -> str:
    return "" if array is None else pack(array.astype(dtype))


def _answer(got: Got, rows: int) -> Answer:
    scores = unpack(got.scores, "<f8", rows) if got.scores else None
    labels = unpack(got.labels, "<i8", rows).reshape(-1) if got.labels else None
    values = unpack(got.values, "<f8", rows).reshape(-1) if got.values else None
    return Answer(Exposure(got.exposure), scores, labels, values)


def _lock(file: BinaryIO, path: Path) -> None:
    """Two processes writing one transcript would ask, and count, the same things twice."""
    try:
        fcntl = importlib.import_module("fcntl")
    except ImportError:
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        raise StoreError(
            f"expected a transcript that no other process writes, got one in use: {path}", "wait for it, or stop it"
        ) from e


class Transcript:
    """Append-only record of one or more sessions; safe to use from many threads.

    path: a JSONL file, created where absent and resumed where present; None keeps nothing on disk.
    targets: that were asked, in the order of their first session.
    Times are microseconds since 1970 UTC by the oracle's clock. One file may hold several targets: answers are kept
    apart, what was spent is summed.
    Raises StoreError where the file is no transcript, cannot be written, or is in use by another process.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._lock = threading.Lock()
        self._digest = hashlib.blake2b(digest_size=32)
        self._answers: dict[str, tuple[Answer, int]] = {}
        self._open: dict[int, Sent] = {}
        self._number = self._rows = self._calls = self._retries = 0
        self._began_us = self._last_us = self._elapsed_us = 0
        self.targets: list[str] = []
        self._file = None if path is None else self._load(Path(path))

    @classmethod
    def read(cls, path: Path) -> Transcript:
        """What a file holds, kept in memory: the file is neither locked nor written."""
        record = cls()
        try:
            with path.open("rb") as file:
                record._replay_all(file, path)
        except OSError as e:
            raise StoreError(f"expected a transcript at {path}, got: {e.strerror}") from e
        return record

    def _load(self, path: Path) -> BinaryIO:
        try:
            file = path.open("a+b")
        except OSError as e:
            raise StoreError(f"expected a transcript that can be written at {path}, got: {e.strerror}") from e
        try:
            _lock(file, path)
            self._resume(file, path)
        except BaseException:
            file.close()
            raise
        return file

    def _resume(self, file: BinaryIO, path: Path) -> None:
        file.seek(0)
        file.truncate(self._replay_all(file, path))

    def _replay_all(self, file: BinaryIO, path: Path) -> int:
        """Note every line; returns the bytes of those that are whole."""
        kept = 0
        for number, line in enumerate(file, 1):
            # A kill cuts the last line; its `sent` stands without a reply. Other text is not ours to cut.
            if not line.endswith(b"\n") and line[: len(_START)] == _START[: len(line)]:
                break
            self._replay(line, path, number)
            kept += len(line)
        return kept

    def _replay(self, line: bytes, path: Path, number: int) -> None:
        try:
            self._note(_decode(line))
        except (msgspec.MsgspecError, KeyError) as e:
            raise StoreError(
                f"expected a transcript line at {path}:{number}, got {line[:60]!r}", "give a new file"
            ) from e
        self._digest.update(line)

    def _note(self, line: Line) -> None:
        """Put one line into the counts and the cache."""
        if isinstance(line, Opened):
            if line.target not in self.targets:
                self.targets.append(line.target)
            self._elapsed_us += self._last_us - self._began_us
            self._began_us = line.time_us
        elif isinstance(line, Sent):
            self._number = line.number
            self._open[line.number] = line
            self._rows += line.rows
            self._calls += line.attempt == 1
            self._retries += line.attempt > 1
        else:
            self._settle(self._open.pop(line.number), line)
        self._last_us = line.time_us

    def _settle(self, sent: Sent, got: Got) -> None:
        if got.exposure:
            answer = _answer(got, sent.rows)
            self._answers.update((key, (answer, row)) for row, key in enumerate(sent.inputs.split(",")))
        elif got.status not in (0, 200):
            self._rows -= sent.rows

    def _write(self, line: Line) -> None:
        self._note(line)
        text = _encode(line) + b"\n"
        self._digest.update(text)
        if self._file is not None:
            self._file.write(text)
            self._file.flush()

    def opened(self, target: str, owner: str, time_us: int) -> None:
        """Record that a session begins."""
        with self._lock:
            self._write(Opened(time_us, target, owner))

    def sent(self, account: str, attempt: int, inputs: list[str], time_us: int) -> int:
        """Record that an attempt leaves; returns its number."""
        with self._lock:
            number = self._number + 1
            self._write(Sent(number, time_us, account, attempt, len(inputs), ",".join(inputs)))
            return number

    def got(self, number: int, reply: Reply, time_us: int) -> None:
        """Record the reply to attempt `number`, answered or not."""
        answer = reply.answer or Answer(Exposure.NONE)
        line = Got(
            number,
            time_us,
            reply.status,
            reply.sent_bytes,
            reply.received_bytes,
            round(reply.latency_s * 1e6),
            int(answer.kind),
            _packed(answer.scores, "<f8"),
            _packed(answer.labels, "<i8"),
            _packed(answer.values, "<f8"),
            reply.detail,
        )
        with self._lock:
            self._write(line)

    def find(self, key: str) -> tuple[Answer, int] | None:
        """The answer that holds this input's, and its row there; None where it was never answered."""
        return self._answers.get(key)

    @property
    def spent(self) -> Spent:
        """Rows, calls, retries and seconds of all sessions so far; rows without a reply count as spent."""
        with self._lock:
            elapsed = self._elapsed_us + self._last_us - self._began_us
            return Spent(rows=self._rows, calls=self._calls, retries=self._retries, seconds=elapsed / 1e6)

    @property
    def digest(self) -> str:
        """BLAKE2b-256 of every line, hex: results carry it."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
