"""Records as lines on disk: `entries/NNNNNN.jsonl`, SEGMENT lines a file, the last one still growing.

Reading needs no lock: the writer only appends, and a line counts once its newline is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from wellhead.core.codec import Record, decode
from wellhead.core.errors import AuditError

SEGMENT = 65_536
"""Lines a file: as many as a full tile of level 1 covers."""
CHUNK = 1 << 18


def segment_path(directory: Path, number: int) -> Path:
    """The file of entries [number * SEGMENT, (number + 1) * SEGMENT)."""
    return directory / "entries" / f"{number:06d}.jsonl"


def count_segments(directory: Path) -> int:
    """How many segment files there are; raises AuditError where one in between is missing."""
    present = {p.name for p in (directory / "entries").glob("*.jsonl")}
    expected = {segment_path(directory, n).name for n in range(len(present))}
    if present != expected:
        raise AuditError(
            f"expected {min(expected - present)} in {directory}/entries, got none, but later files", "restore it"
        )
    return len(present)


def chunks(path: Path, end: int = sys.maxsize) -> Iterator[bytes]:
    """The complete lines among a file's first `end` bytes, about CHUNK bytes at a time."""
    rest = b""
    try:
        with path.open("rb") as f:
            while block := f.read(min(CHUNK, end - f.tell())):
                lines, newline, tail = block.rpartition(b"\n")
                if newline:
                    yield rest + lines + newline
                rest = tail if newline else rest + tail
    except OSError as e:
        raise AuditError(f"cannot read {path}: {e.strerror}", "restore it or fix its permissions") from e


def lines(directory: Path, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """(index, line without newline) from entry `start` to the last complete one."""
    index = start - start % SEGMENT
    while (path := segment_path(directory, index // SEGMENT)).exists():
        first = index
        for chunk in chunks(path):
            for line in chunk.split(b"\n")[:-1]:
                if index >= start:
                    yield index, line
                index += 1
        if index - first != SEGMENT:
            return


def records(directory: str | Path, start: int = 0) -> Iterator[tuple[int, Record]]:
    """(index, record) from entry `start` on, while the log may be written; raises AuditError naming a bad entry."""
    directory = Path(directory)
    if not (directory / "entries").is_dir():
        raise AuditError(f"expected a log in {directory}, got no `entries` folder there", "check audit.directory")
    for index, line in lines(directory, start):
        try:
            yield index, decode(line)
        except AuditError as e:
            raise AuditError(f"entry {index} of {directory}: {e}", "check the log with `wellhead audit verify`") from e


def tail(directory: str | Path, n: int) -> list[tuple[int, Record]]:
    """The last n records, oldest first; at most the last two segments are read."""
    directory = Path(directory)
    last = max(count_segments(directory) - 1, 0)
    path = segment_path(directory, last)
    end = last * SEGMENT + (sum(chunk.count(b"\n") for chunk in chunks(path)) if path.exists() else 0)
    return list(records(directory, max(end - n, (last - 1) * SEGMENT, 0)))
