"""What must outlive a killed process: how many events were acknowledged, and up to where the log had been counted.

A small file mapped into memory: a bump is one store, costs no system call, and survives SIGKILL because the page
belongs to the kernel. It does not survive a power failure, which the boot id tells.
"""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

from wellhead.core.errors import AuditError

_MAGIC = 0x3130_4C4C_4557
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SIZE = 128
_ACKNOWLEDGED, _SEALED, _CLEAN, _BOOT, _SLOT, _FIRST = 1, 2, 3, 4, 6, 8


class State:
    """The mapped file; numbers are 64 bits, and the counted pair is switched by a single store."""

    def __init__(self, path: Path) -> None:
        check(path)
        try:
            with path.open("r+b" if path.exists() else "w+b") as f:
                f.truncate(_SIZE)
                self._map = mmap.mmap(f.fileno(), _SIZE)
        except OSError as e:
            raise AuditError(f"cannot map {path}: {e.strerror}", "check the disk and its permissions") from e
        self._words = memoryview(self._map).cast("Q")
        written_in = self._words[_BOOT], self._words[_BOOT + 1]
        self.known = self._words[0] == _MAGIC and written_in == _boot()

    @property
    def acknowledged(self) -> int:
        """Events acknowledged since the log was opened."""
        return self._words[_ACKNOWLEDGED]

    @property
    def clean(self) -> bool:
        """True where the log was closed and not opened since."""
        return self._words[0] == _MAGIC and bool(self._words[_CLEAN])

    @property
    def sealed_us(self) -> int:
        """When the log was last sealed."""
        return self._words[_SEALED]

    @property
    def counted(self) -> tuple[int, int]:
        """(index, events): how many events of this opening the log held below that index."""
        at = _FIRST + 2 * self._words[_SLOT]
        return self._words[at], self._words[at + 1]

    def acknowledge(self, n: int) -> None:
        """Count n events as acknowledged."""
        self._words[_ACKNOWLEDGED] += n

    def count(self, index: int, events: int, now_us: int) -> None:
        """Note that `events` of this opening lie below `index`."""
        slot = 1 - self._words[_SLOT]
        self._words[_FIRST + 2 * slot] = index
        self._words[_FIRST + 2 * slot + 1] = events
        self._words[_SLOT] = slot
        self._words[_SEALED] = now_us

    def begin(self, index: int, now_us: int) -> None:
        """Start counting anew at this index."""
        self._words[_CLEAN] = 0
        self._words[_ACKNOWLEDGED] = 0
        self.count(index, 0, now_us)
        self._words[_BOOT], self._words[_BOOT + 1] = _boot()
        self._words[0] = _MAGIC
        self._map.flush()
        self.known = True

    def finish(self) -> None:
        """Leave the mark of a clean close, on disk."""
        self._words[_CLEAN] = 1
        self._map.flush()

    def close(self) -> None:
        """Unmap the file."""
        self._words.release()
        self._map.close()


def check(path: Path) -> None:
    """Raise AuditError where the file is there and holds something else; changes nothing."""
    try:
        raw = path.read_bytes()[:8] if path.exists() else b""
    except OSError as e:
        raise AuditError(f"cannot read {path}: {e.strerror}", "check the disk and its permissions") from e
    if int.from_bytes(raw, sys.byteorder) not in (0, _MAGIC):
        raise AuditError(f"expected the log's counters in {path}, got another file", "delete it")


def closed_cleanly(path: Path) -> bool:
    """True where the file says so; read without mapping."""
    raw = path.read_bytes()[:_SIZE] if path.exists() else b""
    return len(raw) == _SIZE and bool(memoryview(raw).cast("Q")[_CLEAN])


def _boot() -> tuple[int, int]:
    """128 bits that change with each boot; zeros where the kernel tells none."""
    text = _BOOT_ID.read_text(encoding="ascii").strip().replace("-", "") if os.access(_BOOT_ID, os.R_OK) else "0"
    return divmod(int(text, 16), 1 << 64)
