"""The stored numbers of rows that are alike, as arrays and ready to be cut into events."""

from __future__ import annotations

from typing import NamedTuple

from wellhead.core.arrays import Array, Codes
from wellhead.core.codec import pack_bytes


class Columns(NamedTuple):
    """What Event and Batch are both made of; None where rows have no such number."""

    fingerprint: Array
    codes: Codes | None
    traits: Array
    top1: Array | None
    confidence_pm: Array | None
    scores: Array | None
    score_classes: Array | None
    values: Array | None
    classes: int


class Packed(NamedTuple):
    """The same columns as raw bytes and lists, ready to be cut into rows: (bytes, bytes a row), or a list."""

    fingerprints: tuple[bytes, int]
    codes: tuple[bytes, int]
    traits: tuple[bytes, int]
    scores: tuple[bytes, int]
    score_classes: tuple[bytes, int]
    top1: list[int]
    confidence_pm: list[int]
    values: list[str]

    @classmethod
    def of(cls, c: Columns) -> Packed:
        """The same numbers."""
        return cls(
            _raw(c.fingerprint),
            _raw(c.codes),
            _raw(c.traits),
            _raw(c.scores),
            _raw(c.score_classes),
            [] if c.top1 is None else c.top1.tolist(),
            [] if c.confidence_pm is None else c.confidence_pm.tolist(),
            [] if c.values is None else [repr(v) for v in c.values.tolist()],
        )


def _raw(column: Array | None) -> tuple[bytes, int]:
    return (b"", 0) if column is None else (column.tobytes(), column.nbytes // len(column))


def cut(raw: tuple[bytes, int], a: int, b: int) -> str:
    """Base64 of rows a..b; empty where there are no numbers."""
    whole, width = raw
    return pack_bytes(whole[a * width : b * width]) if width else ""
