"""The marked answers, with their inputs: kept beside the log, because a suspect has to be asked them again.

One line each, in a file of mode 0600 that only grows until something is erased. It holds what callers sent, which the
log never does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from wellhead.core.arrays import Inputs
from wellhead.core.codec import pack, unpack
from wellhead.core.errors import StoreError


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One marked answer. time_us: microseconds since 1970 UTC.  fingerprint: of the input, 16 hex digits.

    served: the class that the mark put before `rival`; where the mark is of the best class, rival is the true one.
    classes: of the model.  shape, numbers: the input as base64 of float32, little-endian; else text.
    """

    commitment: str
    time_us: int
    principal: str
    request: str
    fingerprint: Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
    served: int
    rival: int
    classes: int
    shape: tuple[int, ...] = ()
    numbers: str = ""
    text: str = ""

    @property
    def name(self) -> str:
        """What it is counted once under."""
        return f"{self.commitment}/{self.principal}/{self.fingerprint}"

    @property
    def told(self) -> bytes:
        """What its slip in the log vouches for: all of it, but when and in which request it was asked."""
        return msgspec.json.encode(msgspec.structs.replace(self, time_us=0, request=""), order="sorted")


def packed(inputs: Inputs, row: int) -> dict[str, object]:
    """The fields of a Kept that hold one input."""
    if isinstance(inputs, list):
        return {"text": inputs[row]}
    one = np.ascontiguousarray(inputs[row], dtype="<f4")
    return {"shape": one.shape, "numbers": pack(one)}


def inputs_of(kept: Sequence[Kept]) -> Inputs:
    """(n, ...) float32 or n texts; raises StoreError where they are not alike."""
    if len({(k.shape, bool(k.numbers)) for k in kept}) > 1:
        raise StoreError("expected marked inputs of one shape, got several", "declare a test for each model alone")
    if not kept or not kept[0].numbers:
        return [k.text for k in kept]
    return np.concatenate([unpack(k.numbers, "<f4", 1).reshape(1, *k.shape) for k in kept])


class Marks:
    """The file. Each input of a principal is kept once under a commitment; doubles: lines that say one again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.doubles = 0
        self._known = {k.name for k in self.read()}

    def __len__(self) -> int:
        return len(self._known)

    def read(self) -> list[Kept]:
        """Each mark that is kept, once, oldest first; raises StoreError naming a line that cannot be read."""
        found = self._lines()
        once = {k.name: k for k in reversed(found)}
        self.doubles = len(found) - len(once)
        return list(reversed(once.values()))

    def _lines(self) -> list[Kept]:
        if not self._path.exists():
            return []
        found = []
        for number, line in enumerate(self._path.read_bytes().splitlines(), 1):
            try:
                found.append(msgspec.json.decode(line, type=Kept))
            except msgspec.MsgspecError as e:
                raise StoreError(
                    f"expected a marked answer at {self._path}:{number}, got {e}", "restore it, or delete that line"
                ) from e
        return found

    def add(self, kept: Iterable[Kept]) -> int:
        """Write down those that are new; returns how many. Raises OSError where the disk refuses."""
        new = {k.name: k for k in kept if k.name not in self._known}
        if new:
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as f:
                f.writelines(msgspec.json.encode(k) + b"\n" for k in new.values())
            self._known.update(new)
        return len(new)

    def erase(self, principal: str) -> int:
        """Forget every input of a principal; returns how many there were."""
        all_kept = self.read()
        left = [k for k in all_kept if k.principal != principal]
        new = self._path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.writelines(msgspec.json.encode(k) + b"\n" for k in left)
            f.flush()
            os.fsync(f.fileno())
        new.replace(self._path)
        self._known = {k.name for k in left}
        return len(all_kept) - len(left)
