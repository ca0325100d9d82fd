"""The tree of a log in segments, and its hash tiles on disk as C2SP tlog-tiles lays them out.

A tile holds up to 256 hashes of one level: `tile/<L>/<N>`, or `tile/<L>/<N>.p/<W>` while only W are there.
Tiles follow from the entries, so a damaged one is written anew, never believed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from wellhead.audit.entries import SEGMENT
from wellhead.audit.merkle import Tree, root

WIDTH = 256
_SEGMENT_LEVEL = SEGMENT.bit_length() - 1


class Grove:
    """The tree of n leaves, held as all hashes of the current segment and one root for each earlier segment."""

    def __init__(self, segments: list[bytes] | None = None) -> None:
        self.segments = Tree(segments or [])
        self.current = Tree()
        self._start = len(self.segments) * SEGMENT

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._start + len(self.current)

    @property
    def room(self) -> int:
        """Leaves that the next `extend` may bring: it must not cross a segment's end."""
        return SEGMENT - self.size % SEGMENT

    def extend(self, hashes: list[bytes]) -> None:
        """Append at most `room` leaf hashes."""
        if len(hashes) > self.room:
            raise ValueError(f"expected at most {self.room} hashes, got {len(hashes)}")
        if len(self.current) == SEGMENT:
            self._start, self.current = self.size, Tree()
        self.current.extend(hashes)
        if len(self.current) == SEGMENT:
            self.segments.extend([self.current.root()])

    def at(self, level: int, index: int) -> bytes:
        """A complete subtree of the current segment, or one of whole segments."""
        return self.row(level, index, index + 1)[0]

    def row(self, level: int, lo: int, hi: int) -> list[bytes]:
        """Hashes lo to hi of one level."""
        if level >= _SEGMENT_LEVEL:
            return self.segments.levels[level - _SEGMENT_LEVEL][lo:hi]
        start = self._start >> level
        if lo < start:
            raise IndexError(f"level {level} below {start} is no longer held")
        return self.current.levels[level][lo - start : hi - start]

    def root(self, n: int | None = None) -> bytes:
        """The root of all leaves, or of the first n where n lies in the current segment or at its ends."""
        return root(self.size if n is None else n, self.at)


def number_path(n: int) -> str:
    """`x001/x234/067` for 1234067."""
    groups = [f"{n % 1000:03d}"]
    while n := n // 1000:
        groups.append(f"x{n % 1000:03d}")
    return "/".join(reversed(groups))


def tile_path(level: int | str, n: int, width: int = WIDTH) -> str:
    """Where tile n of a level lies, or of `entries`; width 1..255 for a partial one."""
    return f"tile/{level}/{number_path(n)}" + (f".p/{width}" if width < WIDTH else "")


def partial_tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, n, width) of the partial tiles of a tree."""
    level = 0
    while size >> 8 * level:
        n, width = divmod(size >> 8 * level, WIDTH)
        if width:
            yield level, n, width
        level += 1


def full_tiles(before: int, size: int) -> Iterator[tuple[int, int]]:
    """(level, n) of the tiles that became full while the tree grew from `before` to `size`."""
    level = 0
    while size >> 8 * (level + 1):
        for n in range(before >> 8 * (level + 1), size >> 8 * (level + 1)):
            yield level, n
        level += 1


def tile(grove: Grove, level: int, n: int, width: int = WIDTH) -> bytes:
    """A tile's bytes, 32 for each hash."""
    return b"".join(grove.row(8 * level, n * WIDTH, n * WIDTH + width))


def write_full(directory: Path, grove: Grove, before: int) -> None:
    """Write the tiles that the last `extend` completed."""
    for level, n in full_tiles(before, grove.size):
        _create(f"{directory}/{tile_path(level, n)}", tile(grove, level, n))


def _create(path: str, data: bytes) -> None:
    """Write a tile where it belongs: nobody reads it before a checkpoint covers it, and opening the log repairs it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o644)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, flags, 0o644)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def write_partial(directory: Path, grove: Grove) -> list[Path]:
    """Write the partial tiles of the tree as it stands; returns where."""
    paths = []
    for level, n, width in partial_tiles(grove.size):
        paths.append(directory / tile_path(level, n, width))
        write(paths[-1], tile(grove, level, n, width))
    return paths


def write(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Put a file in place whole: written beside it, then renamed; `sync` waits for the disk."""
    new = path.with_name(path.name + ".new")
    try:
        f = new.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        f = new.open("wb")
    with f:
        f.write(data)
        if sync:
            f.flush()
            os.fsync(f.fileno())
    new.replace(path)
    if sync:
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make renames and new files in a directory durable."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
