"""The anchor file: every signed checkpoint, one JSON line each, kept where the log's host cannot rewrite it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from wellhead.audit.note import Checkpoint, Vkey, open_checkpoint
from wellhead.core.errors import AuditError


class Anchor(msgspec.Struct, frozen=True):
    """One line: head and count as signed, and when."""

    time_us: int
    size: int
    note: str
    v: int = 1

    def checkpoint(self, key: Vkey) -> Checkpoint:
        """The checkpoint that was anchored; raises AuditError where the log did not sign it."""
        found = open_checkpoint(self.note, key)
        if found.size != self.size:
            raise AuditError(f"expected a checkpoint of {self.size} entries, got one of {found.size}")
        return found


def append(path: Path, anchor: Anchor) -> None:
    """Add a line and wait for the disk; raises OSError."""
    with path.open("ab") as f:
        f.write(msgspec.json.encode(anchor) + b"\n")
        f.flush()
        os.fsync(f.fileno())


def make_ready(path: Path) -> None:
    """Make the file where it is absent; raises AuditError where it cannot be appended to."""
    try:
        path.open("ab").close()
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or e
        raise AuditError(f"cannot write to the anchor file {path}: {reason}", "set audit.anchor") from e


def read(path: Path) -> list[Anchor]:
    """All complete lines; raises AuditError where the file or a line cannot be read."""
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except OSError as e:
        raise AuditError(f"cannot read the anchor file {path}: {e.strerror}", "set audit.anchor") from e
    try:
        return [msgspec.json.decode(line, type=Anchor) for line in lines]
    except msgspec.MsgspecError as e:
        raise AuditError(f"expected one anchor a line in {path}, got {e}") from e
