"""The log on disk: records in, signed checkpoints out, one writer.

entries/NNNNNN.jsonl   the records, a line each: a leaf of the tree is a line without its newline
tile/...               the tree's hashes (C2SP tlog-tiles), written before each checkpoint
checkpoint             the last signed size and root;  log.vkey: the key that verifies it
state, lock            counters that outlive a killed process; who writes
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from wellhead.audit import tiles
from wellhead.audit.anchor import Anchor
from wellhead.audit.anchor import append as append_anchor
from wellhead.audit.entries import SEGMENT, segment_path
from wellhead.audit.merkle import leaves
from wellhead.audit.note import Checkpoint, Signer
from wellhead.audit.recover import Survey, mend, missing_events, signer_of, survey
from wellhead.audit.state import State
from wellhead.core.codec import Record, encode, encode_lines
from wellhead.core.errors import AuditError
from wellhead.core.event import Event, Gap

MAX_RECORD = 65_535
"""Bytes of a line: C2SP entry bundles carry a 16-bit length."""


class Log:
    """An open log. One thread appends, seals and closes; any one thread acknowledges.

    size: entries.  sealed: entries under the last checkpoint.  anchored: entries under the last anchored checkpoint.
    """

    def __init__(self, directory: Path, signer: Signer, anchor: Path | None) -> None:
        self.directory = directory
        self.signer = signer
        self.anchor = anchor
        self.anchor_error = ""
        self.sealed = self.anchored = 0
        self._grove = tiles.Grove()
        self._state = State(directory / "state")
        self._fd = -1
        self._events = 0
        self._partial: list[Path] = []
        self._lock = -1
        self._note = ""

    @classmethod
    def open(
        cls, directory: str | Path, origin: str, key_file: str | Path, now_us: int, anchor: str | Path = ""
    ) -> Log:
        """Open or begin the log; what a crash left behind is cut, counted and said in a Gap record.

        now_us: microseconds since 1970 UTC.  anchor: file that gets a copy of every checkpoint.
        Raises AuditError where another writer holds the log, where its files contradict what was signed (they are
        then left as they were), or where directory or anchor cannot be written.
        """
        directory, anchor_file = Path(directory), Path(anchor) if anchor else None
        with _told(directory), contextlib.ExitStack() as undo:
            directory.mkdir(parents=True, exist_ok=True)
            lock = _take_lock(directory / "lock")
            undo.callback(os.close, lock)
            signer = signer_of(directory, origin, Path(key_file))
            found = survey(directory, signer.vkey, anchor_file)
            log = cls(directory, signer, anchor_file)
            log._recover(found, now_us)
            log._lock = lock
            undo.pop_all()
        return log

    @property
    def size(self) -> int:
        """Entries so far."""
        return self._grove.size

    def acknowledge(self, n: int = 1) -> None:
        """Count n events as served. To be called before they are appended: the difference is what a crash lost."""
        self._state.acknowledge(n)

    def append(self, records: Sequence[Record]) -> int:
        """Store records in order; returns the index of the first. They outlive this process, sealed the machine.

        A record that cannot be stored (over MAX_RECORD bytes, or not Unicode) is replaced by a Gap that says so.
        Raises AuditError where the disk refuses; nothing of the refused part is stored then.
        """
        first = self.size
        lines, parts = _encode(records)
        while len(parts) > (room := self._grove.room):
            head = b"".join(part + b"\n" for part in parts[:room])
            self._write(head, leaves(parts[:room]))
            lines, parts = lines[len(head) :], parts[room:]
        self._write(lines, leaves(parts))
        self._events += sum(1 for r in records if type(r) is Event)
        return first

    def seal(self, now_us: int) -> None:
        """Make all entries durable and sign a checkpoint over them; nothing to sign costs nothing."""
        if self.size > self.sealed or not self._note:
            os.fsync(self._fd)
            self._partial, old = tiles.write_partial(self.directory, self._grove), self._partial
            self._note = self.signer.sign(Checkpoint(self.signer.vkey.name, self.size, self._grove.root()).text)
            tiles.write(self.directory / "checkpoint", self._note.encode(), sync=True)
            self.sealed = self.size
            for path in set(old) - set(self._partial):
                path.unlink(missing_ok=True)
        self._state.count(self.size, self._events, now_us)
        self._forward(now_us)

    def close(self, now_us: int) -> None:
        """Seal, leave the mark of a clean end, and let the next writer in."""
        if self._lock < 0:
            return
        self.seal(now_us)
        self._state.finish()
        self.abandon()

    def abandon(self) -> None:
        """Let go of all files without a seal, as a crash would."""
        self._state.close()
        os.close(self._fd)
        os.close(self._lock)
        self._lock = self._fd = -1

    def _recover(self, found: Survey, now_us: int) -> None:
        self._grove, self.anchored = found.grove, found.anchored
        mend(self.directory, found)
        self._open_segment()
        lost = missing_events(self.directory, self._state, self.size)
        since_us = self._state.sealed_us
        self._state.begin(self.size, now_us)
        if lost or found.cut:
            self.append([Gap(time_us=now_us, since_us=since_us, events=lost, reason=_reason(found.cut))])
        self._partial = [self.directory / tiles.tile_path(*p) for p in tiles.partial_tiles(found.signed.size)]
        tiles.write(self.directory / "log.vkey", f"{self.signer.vkey}\n".encode())
        self.seal(now_us)
        self._state.begin(self.size, now_us)

    def _open_segment(self) -> None:
        if self._fd >= 0:
            os.fsync(self._fd)
            os.close(self._fd)
        path = segment_path(self.directory, self.size // SEGMENT)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        tiles.sync_directory(path.parent)

    def _write(self, lines: bytes, hashes: list[bytes]) -> None:
        before, end = self.size, os.fstat(self._fd).st_size
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as e:
            os.ftruncate(self._fd, end)
            raise AuditError(f"cannot write to {self.directory}: {e.strerror}", "make room on the disk") from e
        self._grove.extend(hashes)
        # the entries are stored: a tile that finds no room is made again when the log is opened next
        with contextlib.suppress(OSError):
            tiles.write_full(self.directory, self._grove, before)
        if hashes and self.size % SEGMENT == 0:
            self._open_segment()

    def _forward(self, now_us: int) -> None:
        """Copy the checkpoint to the anchor; its failure does not stop the log, it is shown and tried again."""
        if self.anchor is None or self.anchored == self.sealed:
            return
        try:
            append_anchor(self.anchor, Anchor(now_us, self.sealed, self._note))
        except OSError as e:
            self.anchor_error = f"cannot write to the anchor file {self.anchor}: {e.strerror}"
            return
        self.anchored, self.anchor_error = self.sealed, ""


def _encode(records: Sequence[Record]) -> tuple[bytes, list[bytes]]:
    """The lines to store, whole and one by one."""
    try:
        lines = encode_lines(records)
        parts = lines.split(b"\n")[:-1]
        if max(map(len, parts), default=0) <= MAX_RECORD:
            return lines, parts
    except (ValueError, OverflowError):
        pass
    parts = [_one(r) for r in records]
    return b"".join(part + b"\n" for part in parts), parts


def _one(record: Record) -> bytes:
    """A record's line, or that of the Gap that stands for it."""
    try:
        line = encode(record)
        reason = f"a record of {len(line)} bytes is over the limit of {MAX_RECORD}"
    except (ValueError, OverflowError) as e:
        line, reason = b"", f"a record cannot be written as JSON: {type(e).__name__}"
    if 0 < len(line) <= MAX_RECORD:
        return line
    time_us = getattr(record, "time_us", 0)
    return encode(Gap(time_us=time_us, since_us=time_us, events=int(isinstance(record, Event)), reason=reason))


def _reason(cut: int) -> str:
    return (
        f"the log was not closed; {cut} bytes at its end that were no whole record were cut"
        if cut
        else "the log was not closed"
    )


@contextlib.contextmanager
def _told(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        at = e.filename or directory
        raise AuditError(f"cannot use {directory} for the log: {at}: {e.strerror}", "set audit.directory") from e


def _take_lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    for pause_s in (0.0, 0.02, 0.1):
        # `is_written` holds a shared lock for an instant: that is no writer
        time.sleep(pause_s)
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
    os.close(fd)
    raise AuditError(f"expected to be the only writer of {path.parent}, got another", "stop it first")


def is_written(directory: Path) -> bool:
    """True where a writer holds the log right now."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), (directory / "lock").open("rb") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
