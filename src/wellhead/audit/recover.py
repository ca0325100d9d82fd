"""Opening a log again: what was signed is checked against what is there before anything more is signed."""

from __future__ import annotations

import os
from pathlib import Path

from wellhead.audit import tiles
from wellhead.audit.anchor import read as read_anchors
from wellhead.audit.entries import SEGMENT, chunks, count_segments, lines, segment_path
from wellhead.audit.merkle import EMPTY, Tree, leaves
from wellhead.audit.note import Checkpoint, Signer, Vkey, load_signer, open_checkpoint
from wellhead.audit.state import State
from wellhead.core.codec import decode
from wellhead.core.errors import AuditError
from wellhead.core.event import Event, Gap

_RESTORE = "restore the log from a copy, or begin a new one in an empty directory; nothing was signed"


def signer_of(directory: Path, origin: str, key_file: Path) -> Signer:
    """The log's signer; its key is made only where there is no log yet."""
    begun = (directory / "checkpoint").exists() or count_segments(directory) > 0
    return load_signer(key_file, origin, create=not begun)


def last_checkpoint(directory: Path, key: Vkey) -> Checkpoint:
    """What this log signed last; an empty tree where nothing was ever stored."""
    path = directory / "checkpoint"
    if not path.exists():
        if any(segment_path(directory, n).stat().st_size for n in range(count_segments(directory))):
            raise AuditError(f"expected {path} beside the entries, got none", _RESTORE)
        return Checkpoint(key.name, 0, EMPTY)
    try:
        return open_checkpoint(path.read_text(encoding="utf-8"), key)
    except (AuditError, UnicodeDecodeError) as e:
        raise AuditError(f"{path} is not what this key signed: {e}", _RESTORE) from e


def reload(directory: Path, signed: Checkpoint) -> tuple[tiles.Grove, int]:
    """The tree of a log's entries, and how many bytes a crash left that had to be cut.

    Whole segments are taken from their tiles where these give the signed root, else hashed again from the entries;
    the last segment always is. Raises AuditError where the entries do not give the signed root.
    """
    count = count_segments(directory)
    last = count - 1
    cut = _cut(segment_path(directory, last), signed.size - last * SEGMENT) if count else 0
    for trusted in (True, False):
        grove, root = _regrow(directory, count, signed.size, trusted=trusted)
        if root == signed.root:
            return grove, cut
    if grove.size < signed.size:
        raise AuditError(f"expected the {signed.size} entries that were signed, got {grove.size}", _RESTORE)
    raise AuditError(f"the entries below {signed.size} are not those that were signed", _RESTORE)


def _regrow(directory: Path, count: int, signed: int, *, trusted: bool) -> tuple[tiles.Grove, bytes]:
    """The tree, and its root at the signed size (empty where it is too short)."""
    grove = tiles.Grove(_whole_segments(directory, min(count, signed // SEGMENT) - 1) if trusted else [])
    root = b"" if signed else EMPTY
    for number in range(grove.size // SEGMENT, count):
        _hash_segment(directory, number, grove)
        if number < count - 1 and grove.size != (number + 1) * SEGMENT:
            raise AuditError(f"expected {SEGMENT} lines in {segment_path(directory, number)}, got fewer", _RESTORE)
        if number * SEGMENT < signed <= grove.size:
            root = grove.root(signed)
    return grove, root


def _whole_segments(directory: Path, most: int) -> list[bytes]:
    """The roots of at most so many segments from the start, from their level-1 tiles while these are there."""
    roots = []
    for number in range(most):
        path = directory / tiles.tile_path(1, number)
        raw = path.read_bytes() if path.exists() else b""
        if len(raw) != 32 * tiles.WIDTH:
            break
        roots.append(Tree(raw[i : i + 32] for i in range(0, len(raw), 32)).root())
    return roots


def _hash_segment(directory: Path, number: int, grove: tiles.Grove) -> None:
    """Take up a segment's entries, and write anew the tiles that do not fit them."""
    path = segment_path(directory, number)
    for chunk in chunks(path):
        before = grove.size
        hashes = leaves(chunk.split(b"\n")[:-1])
        if len(hashes) > grove.room:
            raise AuditError(f"expected at most {SEGMENT} lines in {path}, got more", _RESTORE)
        grove.extend(hashes)
        for level, n in tiles.full_tiles(before, grove.size):
            tile, data = directory / tiles.tile_path(level, n), tiles.tile(grove, level, n)
            if not tile.exists() or tile.read_bytes() != data:
                tiles.write(tile, data)


def _cut(path: Path, signed: int) -> int:
    """Cut what a crash left at the end: from the first unsigned line that is no whole record; returns its bytes.

    signed: lines of this file that are under the checkpoint, and are never cut.
    """
    keep = 0
    with path.open("rb") as f:
        for number, line in enumerate(f):
            if not line.endswith(b"\n") or (number >= signed and not _is_record(line)):
                break
            keep += len(line)
        rest = f.seek(0, os.SEEK_END) - keep
    if rest:
        os.truncate(path, keep)
    return rest


def _is_record(line: bytes) -> bool:
    try:
        decode(line)
    except AuditError:
        return False
    return True


def check_anchor(path: Path, signed: Checkpoint, key: Vkey) -> int:
    """Entries under the last anchored checkpoint; raises AuditError where the log has fallen behind it or differs."""
    anchors = read_anchors(path) if path.exists() else []
    if not anchors:
        return 0
    last = anchors[-1].checkpoint(key)
    if last.size > signed.size or (last.size == signed.size and last.root != signed.root):
        raise AuditError(f"the anchor file knows another checkpoint of {last.size} entries than this log", _RESTORE)
    return last.size


def missing_events(directory: Path, state: State, size: int) -> int:
    """Events that were acknowledged and are not in the log: 0 after a clean close, -1 where it cannot be known."""
    if size == 0 and not state.acknowledged:
        return 0
    if state.clean:
        return 0
    if not state.known:
        return -1
    index, events = state.counted
    return max(state.acknowledged - events - sum(_weight(line) for _, line in lines(directory, index)), 0)


def _weight(line: bytes) -> int:
    """Acknowledged events that a stored line accounts for."""
    record = decode(line)
    if isinstance(record, Gap):
        return max(record.events, 0)
    return int(isinstance(record, Event))
