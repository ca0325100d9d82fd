"""Files of lines as blocks of whole lines: plain, gzip or zstandard, a bounded number of bytes at a time."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from wellhead.core.errors import MissingExtra, StoreError

BLOCK = 64 << 20
PIECE = 1 << 20
"""What is decoded at once stays near the processor."""
LONGEST = 64 << 20
"""A line may be so long; of a longer one the beginning stands for it, a malformed line."""
_HEAD = 1 << 16
_LITTLE = 1 << 12
"""Zstandard packs up to a hundred thousand bytes into a few: what is unpacked at once stays bounded."""
_PACKED = (".gz", ".zst", ".zstd")
_DAMAGE = (OSError, EOFError, zlib.error)

_Bytes: TypeAlias = "bytes | memoryview"
Progress = Callable[[int], None]
"""Called with how many more bytes of the files, as they lie on disk, have been read."""


def files_of(logs: Sequence[str]) -> list[Path]:
    """The files that paths, globs and folders name, each once, sorted within one name.

    A folder with `entries/` is Wellhead's own log: its segments.  Hidden files are left out. Raises StoreError where a
    name matches nothing.
    """
    found: dict[Path, None] = {}
    for name in logs:
        paths = _matched(name)
        if not paths:
            raise StoreError(f"expected log files at {name}, got none", "name files, folders or globs")
        found.update(dict.fromkeys(paths))
    return list(found)


def _matched(name: str) -> list[Path]:
    path = Path(name)
    if path.is_file():
        return [path]
    if path.is_dir():
        own = path / "entries"
        return sorted(own.glob("*.jsonl")) if own.is_dir() else [p for p in sorted(path.rglob("*")) if _plain(p, path)]
    start = Path(path.anchor or ".")
    pattern = str(path.relative_to(path.anchor)) if path.anchor else name
    try:
        return [p for p in sorted(start.glob(pattern)) if p.is_file()]
    except (ValueError, NotImplementedError):
        return []


def _plain(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def head(path: Path) -> bytes:
    """The first lines of a file, unpacked, the last one whole; raises StoreError where it cannot be read."""
    try:
        stream, raw = _opened(path)
        with raw, stream:
            first = next(_unpacked(stream, _HEAD), b"")
            try:
                return first + stream.readline(LONGEST)
            except _DAMAGE:
                if b"\n" in first:
                    return first
                raise
    except _DAMAGE as e:
        raise _unreadable(path, e) from e


def blocks(path: Path, spot: BinaryIO, progress: Progress | None = None, size: int = BLOCK) -> Iterator[None]:
    """Write one file's whole lines to `spot`, about `size` bytes at a time in place of what was there.

    The last line needs no line end. A file that is damaged in the middle of its compression gives what came before,
    then raises StoreError.
    """
    for parts in _read(path, progress, size):
        _put(spot, *parts)
        yield


def pieces(path: Path, progress: Progress | None = None, size: int = PIECE) -> Iterator[bytes]:
    """The same lines, in memory."""
    return map(b"".join, _read(path, progress, size))


def _read(path: Path, progress: Progress | None, size: int) -> Iterator[tuple[_Bytes, ...]]:
    """Whole lines, in parts that follow each other."""
    try:
        stream, raw = _opened(path)
        with stream, raw:
            told = 0
            for parts in _whole(stream, size):
                at = raw.tell()
                (progress or _silent)(at - told)
                told = at
                yield parts
    except _DAMAGE as e:
        raise _unreadable(path, e) from e


def _whole(stream: BinaryIO, size: int) -> Iterator[tuple[_Bytes, ...]]:
    rest, read = b"", _unpacked(stream, size)
    while block := next(read, b""):
        first = block.find(b"\n")
        if len(rest) + (first if first >= 0 else len(block)) > LONGEST:
            yield (rest + block)[:_HEAD], b"\n"
            rest, block = b"", block[first + 1 :] if first >= 0 else _skipped(read)
        cut = block.rfind(b"\n") + 1
        if cut:
            yield rest, memoryview(block)[:cut]
        rest = block[cut:] if cut else rest + block
    if rest:
        yield rest, b"" if rest.endswith(b"\n") else b"\n"


def _put(spot: BinaryIO, *parts: _Bytes) -> None:
    """Over what was there: pages that are in memory already cost nothing."""
    spot.seek(0)
    spot.writelines(parts)
    spot.truncate()
    spot.flush()


def _unpacked(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """So many bytes at a time, without a byte order mark; of a damaged stream what came before the damage."""
    parts, left = list[bytes](), size
    mark = codecs.BOM_UTF8
    try:
        # one that reads all at once loses, with the damage, what it had read before
        while part := cast(Any, stream).read1(left):
            parts.append(part)
            left -= len(part)
            if not left:
                yield b"".join(parts).removeprefix(mark)
                parts, left, mark = [], size, b""
    except _DAMAGE:
        if parts:
            yield b"".join(parts).removeprefix(mark)
        raise
    if parts:
        yield b"".join(parts).removeprefix(mark)


def _skipped(read: Iterator[bytes]) -> bytes:
    """What comes after the line that is too long."""
    for block in read:
        _, newline, tail = block.partition(b"\n")
        if newline:
            return tail
    return b""


def _opened(path: Path) -> tuple[BinaryIO, BinaryIO]:
    """The unpacked stream, and the file under it, whose position is the progress."""
    raw = path.open("rb")
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw)), raw
    if path.suffix in _PACKED:
        return _zstandard(path, raw), raw
    return raw, raw


def _zstandard(path: Path, raw: BinaryIO) -> BinaryIO:
    try:
        import zstandard
    except ModuleNotFoundError as e:
        raw.close()
        raise MissingExtra(f"reading {path.name} needs zstandard", "pip install 'wellhead[zst]', or unpack it") from e
    return cast(BinaryIO, io.BufferedReader(_Frames(raw, zstandard), PIECE))


class _Frames(io.RawIOBase):
    """Zstandard frames unpacked one after the other. Raises EOFError for one that is cut, OSError for a damaged one."""

    def __init__(self, raw: BinaryIO, zstandard: Any) -> None:
        self._raw, self._zstandard = raw, zstandard
        self._frame: Any = None
        self._packed: bytes = b""
        self._plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """At least one byte, or 0 at the end."""
        while not self._plain:
            self._packed = self._packed or self._raw.read(_LITTLE)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the file ends in the middle of its compression")
                return 0
            self._unpack()
        n = min(len(buffer), len(self._plain))
        buffer[:n], self._plain = self._plain[:n], self._plain[n:]
        return n

    def _unpack(self) -> None:
        self._frame = self._frame or self._zstandard.ZstdDecompressor().decompressobj()
        try:
            self._plain = memoryview(self._frame.decompress(self._packed))
        except self._zstandard.ZstdError as e:
            raise OSError(str(e)) from e
        self._packed = self._frame.unused_data if self._frame.eof else b""
        if self._frame.eof:
            self._frame = None


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", "restore it, or leave it out")


def _silent(_: int) -> None:
    """No progress is shown."""
