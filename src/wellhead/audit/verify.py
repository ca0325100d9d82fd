"""Three verdicts on a log, never one: is it unchanged, is it all there, and who else could tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from wellhead.audit import tiles
from wellhead.audit.anchor import read as read_anchors
from wellhead.audit.entries import SEGMENT, chunks, count_segments, segment_path
from wellhead.audit.log import is_written
from wellhead.audit.merkle import EMPTY, leaves
from wellhead.audit.note import Checkpoint, Vkey, open_checkpoint
from wellhead.audit.state import closed_cleanly
from wellhead.core.codec import decode, decode_lines
from wellhead.core.errors import AuditError

PASS, FAIL, UNKNOWN = "pass", "fail", "unknown"


class Outcome(msgspec.Struct, frozen=True):
    """One verdict: pass, fail or unknown, and why in one line."""

    outcome: str
    line: str


class Report(msgspec.Struct, frozen=True):
    """What `verify` found. entries: complete lines.  signed: entries under the checkpoint, -1 without one.

    integrity: the tree recomputes from the entries, and every entry is a record.  completeness: nothing that an
    anchor knows is gone.  anchoring: which entries an anchor vouches for.
    """

    entries: int
    signed: int
    integrity: Outcome
    completeness: Outcome
    anchoring: Outcome

    @property
    def failed(self) -> bool:
        """True where any verdict is fail."""
        return FAIL in (self.integrity.outcome, self.completeness.outcome, self.anchoring.outcome)


class _Known(msgspec.Struct):
    """Anchored checkpoints, and why they cannot be trusted where that is so."""

    checkpoints: list[tuple[int, Checkpoint]]
    problem: str = ""


class _Walk(msgspec.Struct):
    """What hashing all entries gave."""

    entries: int = 0
    roots: dict[int, bytes] = {}
    problem: str = ""
    bad_tile: str = ""


def verify(directory: str | Path, vkey: str | None = None, anchor: str | Path | None = None) -> Report:
    """Check a log, also while it is written. Reads every entry once.

    vkey: the verifier key as published; without it the key beside the log is believed, and the report says so.
    """
    directory = Path(directory)
    known = _Known([])
    signed: Checkpoint | None = None
    problem = ""
    try:
        key = Vkey.parse(vkey or _text(directory / "log.vkey"))
        # anchors before the checkpoint: a log that grows meanwhile must not look cut
        known = _known(Path(anchor), key) if anchor else known
        signed = open_checkpoint(_text(directory / "checkpoint"), key)
    except AuditError as e:
        problem = str(e)
    written = is_written(directory)
    walk = _walk(directory, signed, [c.size for _, c in known.checkpoints])
    return Report(
        walk.entries,
        signed.size if signed else -1,
        _integrity(directory, signed, walk, problem, written=written, trusted=vkey is not None),
        _completeness(signed, walk, known),
        _anchoring(signed, known, given=anchor is not None),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as e:
        raise AuditError(f"cannot read {path}: {e.strerror}") from e
    except UnicodeDecodeError:
        raise AuditError(f"expected text in {path}, got other bytes") from None


def _known(path: Path, key: Vkey) -> _Known:
    found: list[tuple[int, Checkpoint]] = []
    try:
        for anchor in read_anchors(path):
            found.append((anchor.time_us, anchor.checkpoint(key)))
    except AuditError as e:
        return _Known(found, f"after {len(found)} good lines: {e}")
    return _Known(sorted(found, key=lambda a: a[1].size))


def _walk(directory: Path, signed: Checkpoint | None, sizes: list[int]) -> _Walk:
    grove = tiles.Grove()
    walk = _Walk(roots={0: EMPTY})
    wanted = sorted({*sizes, signed.size if signed else 0})
    try:
        count = count_segments(directory)
        for number in range(count):
            for chunk in chunks(segment_path(directory, number)):
                _take(directory, grove, chunk, walk, signed.size if signed else 0)
            walk.entries = grove.size
            walk.roots |= {m: grove.root(m) for m in wanted if number * SEGMENT < m <= grove.size}
            if number < count - 1 and grove.size != (number + 1) * SEGMENT:
                raise AuditError(f"expected {SEGMENT} lines in {segment_path(directory, number)}, got fewer")
        if signed and signed.size == grove.size:
            _check(directory, grove, tiles.partial_tiles(grove.size), walk)
    except AuditError as e:
        walk.problem = str(e)
    return walk


def _take(directory: Path, grove: tiles.Grove, chunk: bytes, walk: _Walk, signed: int) -> None:
    hashes = leaves(chunk.split(b"\n")[:-1])
    before = grove.size
    if len(hashes) > grove.room:
        raise AuditError(f"expected at most {SEGMENT} lines in a segment, got more, from entry {before} on")
    grove.extend(hashes)
    _check(
        directory, grove, ((*t, tiles.WIDTH) for t in tiles.full_tiles(before, grove.size) if _covers(t, signed)), walk
    )
    try:
        decode_lines(chunk)
    except AuditError:
        walk.problem = walk.problem or _first_bad(chunk, before)


def _covers(tile: tuple[int, int], signed: int) -> bool:
    level, n = tile
    return (n + 1) << 8 * (level + 1) <= signed


def _first_bad(chunk: bytes, first: int) -> str:
    for index, line in enumerate(chunk.split(b"\n")[:-1], first):
        try:
            decode(line)
        except AuditError as e:
            return f"entry {index}: {e}"
    return f"entries from {first} on hold an empty line"


def _check(directory: Path, grove: tiles.Grove, expected: Iterator[tuple[int, int, int]], walk: _Walk) -> None:
    """Compare stored tiles with what the entries give; the first that differs is named."""
    for level, n, width in expected:
        if walk.bad_tile:
            return
        path = directory / tiles.tile_path(level, n, width)
        if not path.is_file() or path.read_bytes() != tiles.tile(grove, level, n, width):
            walk.bad_tile = tiles.tile_path(level, n, width)


def _integrity(
    directory: Path, signed: Checkpoint | None, walk: _Walk, problem: str, *, written: bool, trusted: bool
) -> Outcome:
    if signed is None:
        return Outcome(FAIL, f"no checkpoint that this key signed: {problem}")
    if walk.problem:
        return Outcome(FAIL, walk.problem)
    if walk.entries < signed.size:
        return Outcome(FAIL, f"the checkpoint covers {signed.size} entries, only {walk.entries} are there")
    if walk.roots[signed.size] != signed.root:
        where = f"; the first tile that differs is {walk.bad_tile}" if walk.bad_tile else ""
        return Outcome(FAIL, f"the entries are not those that were signed{where}")
    if walk.bad_tile:
        return Outcome(FAIL, f"the entries are those that were signed, but {walk.bad_tile} does not fit them")
    return _unsigned(directory, signed, walk, written=written, trusted=trusted)


def _unsigned(directory: Path, signed: Checkpoint, walk: _Walk, *, written: bool, trusted: bool) -> Outcome:
    """Judge what follows the checkpoint: normal in a log being written, otherwise vouched for by nobody."""
    key = "" if trusted else " (by the key beside the log; name the published one with --vkey)"
    said = f"all {signed.size} signed entries recompute to the signed root{key}"
    last = segment_path(directory, max(count_segments(directory) - 1, 0))
    torn = last.exists() and last.stat().st_size > 0 and not _ends_a_line(last)
    extra = f"{walk.entries - signed.size} entries{' and a torn line' if torn else ''}"
    if written or (walk.entries == signed.size and not torn):
        more = f"; {extra} are waiting for the next checkpoint" if walk.entries > signed.size else ""
        return Outcome(PASS, said + more)
    if closed_cleanly(directory / "state"):
        return Outcome(FAIL, f"{extra} were added after the log was closed")
    return Outcome(UNKNOWN, f"{said}, but {extra} after the checkpoint are signed by nobody: the log was not closed")


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as f:
        f.seek(-1, 2)
        return f.read(1) == b"\n"


def _completeness(signed: Checkpoint | None, walk: _Walk, known: _Known) -> Outcome:
    if signed and walk.entries < signed.size:
        return Outcome(FAIL, f"cut: {signed.size} entries were signed, {walk.entries} are there")
    if not known.checkpoints:
        return Outcome(UNKNOWN, "no anchor to compare with: a log cut back to an earlier checkpoint would not show")
    most = known.checkpoints[-1][1].size
    if walk.entries < most or (signed is not None and signed.size < most):
        return Outcome(
            FAIL, f"cut: an anchor knows {most} entries, {min(walk.entries, signed.size if signed else 0)} are left"
        )
    for time_us, checkpoint in known.checkpoints:
        if walk.roots.get(checkpoint.size) != checkpoint.root:
            return Outcome(FAIL, f"rewritten: not the {checkpoint.size} entries that were anchored at {_utc(time_us)}")
    return Outcome(
        PASS, f"all {most} anchored entries are there, as in each of {len(known.checkpoints)} anchored checkpoints"
    )


def _anchoring(signed: Checkpoint | None, known: _Known, *, given: bool) -> Outcome:
    size = signed.size if signed else 0
    if known.problem:
        return Outcome(FAIL, f"the anchor file cannot be trusted: {known.problem}")
    if not known.checkpoints:
        return Outcome(UNKNOWN, f"entries 0 to {size} are {'not anchored' if given else 'checked against no anchor'}")
    time_us, last = known.checkpoints[-1]
    said = f"entries 0 to {last.size} anchored, last at {_utc(time_us)}"
    return Outcome(PASS, said) if last.size >= size else Outcome(UNKNOWN, f"{said}; {last.size} to {size} not anchored")


def _utc(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
