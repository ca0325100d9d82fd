"""Opening a log again: what was signed is checked against what is there before anything more is signed."""

from __future__ import annotations

import os
from pathlib import Path

from wellhead.audit import tiles
from wellhead.audit.anchor import read as read_anchors
from wellhead.audit.entries import SEGMENT, chunks, count_segments, lines, segment_path, torn
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
    """The tree of a log's entries, and how many bytes of a torn last line were cut.

    Whole segments are taken from their tiles where these give the signed root, else hashed again from the entries;
    the last segment always is. Raises AuditError where the entries do not give the signed root.
    """
    count = count_segments(directory)
    cut = _cut(segment_path(directory, count - 1)) if count else 0
    for trusted in (True, False):
        grove, root = _regrow(directory, count, signed.size, trusted=trusted)
        if root == signed.root:
            return grove, cut
    if grove.size < signed.size:
        raise AuditError(f"expected the {signed.size} entries that were signed, got {grove.size}", _RESTORE)
    raise AuditError(f"the entries below {signed.size} are not those that were signed", _RESTORE)


def _regrow(directory: Path, count: int, signed: int, *, trusted: bool) -> tuple[tiles.Grove, bytes]:
    """The tree, and its root at the signed size (empty where it is too short)."""
    grove = tiles.Grove()
    roots = [b"" if signed else EMPTY]
    for number in range(count):
        known = _segment_root(directory, number) if trusted and number < count - 1 else None
        if known is not None and (number + 1) * SEGMENT < signed:
            grove = tiles.Grove([*grove.segments.levels[0], known])
            continue
        _hash_segment(directory, number, grove)
        if number < count - 1 and grove.size != (number + 1) * SEGMENT:
            raise AuditError(f"expected {SEGMENT} lines in {segment_path(directory, number)}, got another number", _RESTORE)
        if number * SEGMENT < signed <= grove.size:
            roots.append(grove.root(signed))
    return grove, roots[-1]


def _segment_root(directory: Path, number: int) -> bytes | None:
    """The root of a whole segment from its level-1 tile; None where that is not there."""
    path = directory / tiles.tile_path(1, number)
    raw = path.read_bytes() if path.exists() else b""
    return Tree(raw[i : i + 32] for i in range(0, len(raw), 32)).root() if len(raw) == 32 * tiles.WIDTH else None


def _hash_segment(directory: Path, number: int, grove: tiles.Grove) -> None:
    """Take up a segment's entries, and write anew the tiles that do not fit them."""
    path = segment_path(directory, number)
    for chunk in chunks(path):
        before = grove.size
        hashes = leaves(chunk)
        if len(hashes) > grove.room:
            raise AuditError(f"expected at most {SEGMENT} lines in {path}, got more", _RESTORE)
        grove.extend(hashes)
        for level, n in tiles.full_tiles(before, grove.size):
            tile, data = directory / tiles.tile_path(level, n), tiles.tile(grove, level, n)
            if not tile.exists() or tile.read_bytes() != data:
                tiles.write(tile, data)


def _cut(path: Path) -> int:
    """Cut an unterminated last line off; returns its bytes."""
    rest = torn(path)
    if rest:
        os.truncate(path, path.stat().st_size - rest)
    return rest


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
    if not state.known:
        return -1
    if state.clean:
        return 0
    index, events = state.counted
    return max(state.acknowledged - events - sum(_weight(line) for _, line in lines(directory, index)), 0)


def _weight(line: bytes) -> int:
    """Acknowledged events that a stored line accounts for."""
    record = decode(line)
    if isinstance(record, Gap):
        return max(record.events, 0)
    return int(isinstance(record, Event))
