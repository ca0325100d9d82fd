"""A log as static files for other people's tools (C2SP tlog-tiles), or as plain JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from wellhead.audit import tiles
from wellhead.audit.entries import lines
from wellhead.audit.merkle import leaf
from wellhead.audit.note import Checkpoint, Vkey, open_checkpoint
from wellhead.core.errors import AuditError


def export(directory: str | Path, target: str | Path) -> Checkpoint:
    """Write checkpoint, hash tiles, entry bundles and log.vkey of the signed entries into an empty directory.

    Everything is recomputed from the entries; raises AuditError where they do not give the signed root.
    """
    directory, target = Path(directory), Path(target)
    if target.exists() and any(target.iterdir()):
        raise AuditError(f"expected an empty directory at {target}, got one with files", "name another")
    try:
        key = Vkey.parse((directory / "log.vkey").read_text(encoding="utf-8"))
        note = (directory / "checkpoint").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise AuditError(f"expected a log in {directory}, got: {e}", "check audit.directory") from e
    signed = open_checkpoint(note, key)
    if _write_tree(directory, target, signed.size) != (signed.size, signed.root):
        raise AuditError("the entries are not those that were signed", "see `wellhead audit verify`")
    tiles.write(target / "log.vkey", f"{key}\n".encode())
    tiles.write(target / "checkpoint", note.encode())
    return signed


def _write_tree(directory: Path, target: Path, size: int) -> tuple[int, bytes]:
    grove = tiles.Grove()
    for n, bundle in enumerate(_bundles(directory, size)):
        before = grove.size
        grove.extend([leaf(line) for line in bundle])
        tiles.write_full(target, grove, before)
        data = b"".join(len(line).to_bytes(2, "big") + line for line in bundle)
        tiles.write(target / tiles.tile_path("entries", n, len(bundle)), data)
    tiles.write_partial(target, grove)
    return grove.size, grove.root()


def _bundles(directory: Path, size: int) -> Iterator[list[bytes]]:
    bundle: list[bytes] = []
    for index, line in lines(directory):
        if index == size:
            break
        if len(line) > 0xFFFF:
            raise AuditError(f"expected entry {index} in 65,535 bytes, got {len(line)}", "see `wellhead audit verify`")
        bundle.append(line)
        if len(bundle) == tiles.WIDTH:
            yield bundle
            bundle = []
    if bundle:
        yield bundle


def write_lines(directory: str | Path, out: BinaryIO, start: int = 0, end: int | None = None) -> int:
    """Copy entries [start, end) as JSON lines; returns how many."""
    copied = 0
    for index, line in lines(Path(directory), start):
        if end is not None and index >= end:
            break
        out.write(line + b"\n")
        copied += 1
    return copied
