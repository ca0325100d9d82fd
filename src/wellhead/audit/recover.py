"""Opening a log again: what was signed is checked against what is there before anything is written.

`survey` only reads, so that a log that is refused stays as it was found; `mend` repairs what a crash left.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from wellhead.audit import tiles
from wellhead.audit.anchor import make_ready
from wellhead.audit.anchor import read as read_anchors
from wellhead.audit.entries import SEGMENT, chunks, count_segments, lines, segment_path
from wellhead.audit.merkle import EMPTY, Tree, leaves
from wellhead.audit.note import Checkpoint, Signer, Vkey, load_signer, open_checkpoint
from wellhead.audit.state import State
from wellhead.audit.state import check as check_state
from wellhead.core.codec import decode
from wellhead.core.errors import AuditError
from wellhead.core.event import Event, Gap

_RESTORE = "restore the log from a copy, or begin a new one in an empty directory; nothing was signed"


class Survey(msgspec.Struct):
    """What is there. signed: the last checkpoint.  grove: the tree of the entries that stay.

    keep, cut: bytes of the last segment that stay, and that do not.  stale: segments with tiles to be written anew.
    anchored: entries under the last anchored checkpoint.
    """

    signed: Checkpoint
    grove: tiles.Grove
    keep: int
    cut: int
    stale: list[int]
    anchored: int = 0


def survey(directory: Path, key: Vkey, anchor: Path | None) -> Survey:
    """Check entries, counters and anchor against what was signed, and write nothing but an absent anchor file.

    Raises AuditError where they contradict each other, or where the anchor cannot be appended to.
    """
    found = reload(directory, last_checkpoint(directory, key))
    check_state(directory / "state")
    if anchor is not None:
        make_ready(anchor)
        found.anchored = check_anchor(anchor, found.signed, key)
    return found


def mend(directory: Path, found: Survey) -> None:
    """Cut what a crash left at the end, and write anew the tiles that do not fit the entries; raises OSError."""
    (directory / "entries").mkdir(exist_ok=True)
    if found.cut:
        os.truncate(segment_path(directory, count_segments(directory) - 1), found.keep)
    roots = found.grove.segments.levels[0] if found.stale else []
    for number in found.stale:
        _hash_segment(directory, number, tiles.Grove(roots[:number]), mending=True)


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


def reload(directory: Path, signed: Checkpoint) -> Survey:
    """The tree of a log's entries, and what about its files has to be mended; changes nothing.

    Whole segments are taken from their tiles where these give the signed root, else hashed again from the entries;
    the last segment always is. Raises AuditError where the entries do not give the signed root.
    """
    count = count_segments(directory)
    last = count - 1
    keep, cut = _whole_lines(segment_path(directory, last), signed.size - last * SEGMENT) if count else (0, 0)
    for trusted in (True, False):
        roots = _whole_segments(directory, min(count, signed.size // SEGMENT) - 1) if trusted else []
        found = Survey(signed, tiles.Grove(roots), keep, cut, [])
        if _regrow(directory, count, found) == signed.root:
            return found
    if found.grove.size < signed.size:
        raise AuditError(f"expected the {signed.size} entries that were signed, got {found.grove.size}", _RESTORE)
    raise AuditError(f"the entries below {signed.size} are not those that were signed", _RESTORE)


def _regrow(directory: Path, count: int, found: Survey) -> bytes:
    """Grow the tree by the segments it lacks; returns its root at the signed size (empty where it is too short)."""
    grove, signed = found.grove, found.signed.size
    root = b"" if signed else EMPTY
    for number in range(grove.size // SEGMENT, count):
        if not _hash_segment(directory, number, grove, found.keep if number == count - 1 else sys.maxsize):
            found.stale.append(number)
        if number < count - 1 and grove.size != (number + 1) * SEGMENT:
            raise AuditError(f"expected {SEGMENT} lines in {segment_path(directory, number)}, got fewer", _RESTORE)
        if number * SEGMENT < signed <= grove.size:
            root = grove.root(signed)
    return root


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


def _hash_segment(
    directory: Path, number: int, grove: tiles.Grove, end: int = sys.maxsize, *, mending: bool = False
) -> bool:
    """Take up a segment's entries; False where a whole tile does not fit them, which `mending` writes anew."""
    path, fits = segment_path(directory, number), True
    for chunk in chunks(path, end):
        before = grove.size
        hashes = leaves(chunk.split(b"\n")[:-1])
        if len(hashes) > grove.room:
            raise AuditError(f"expected at most {SEGMENT} lines in {path}, got more", _RESTORE)
        grove.extend(hashes)
        for level, n in tiles.full_tiles(before, grove.size):
            tile, data = directory / tiles.tile_path(level, n), tiles.tile(grove, level, n)
            if tile.exists() and tile.read_bytes() == data:
                continue
            fits = False
            if mending:
                tiles.write(tile, data)
    return fits


def _whole_lines(path: Path, signed: int) -> tuple[int, int]:
    """Bytes to keep, and those after them that a crash left: from the first unsigned line that is no whole record.

    signed: lines of this file that are under the checkpoint, and are kept.
    """
    keep = 0
    with path.open("rb") as f:
        for number, line in enumerate(f):
            if not line.endswith(b"\n") or (number >= signed and not _is_record(line)):
                break
            keep += len(line)
        return keep, f.seek(0, os.SEEK_END) - keep


def _is_record(line: bytes) -> bool:
    try:
        decode(line)
    except AuditError:
        return False
    return True


def check_anchor(path: Path, signed: Checkpoint, key: Vkey) -> int:
    """Entries under the last anchored checkpoint; raises AuditError where the log has fallen behind it or differs."""
    anchors = read_anchors(path)
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
