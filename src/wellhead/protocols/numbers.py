"""JSON rows and columns as matrices: numbers stay, strings of tabular rows become a few signs each."""

from __future__ import annotations

import functools
import hashlib
import re
import struct
from typing import Any

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ProtocolError

DEEPEST = 8
HASHED = 8
"""Signed columns for one column of strings: 256 patterns, so few of a usual category's values collide."""

_SINGLE_MAX = float(np.finfo(np.float32).max)
_OPENING = re.compile(rb"[\[\s]*")
_DIGITS = re.compile(r"(\d+)")
_CELL = float | bool | str

Column = Array | list[str]
"""(n, ...) float32 numbers, or n texts."""


def nest(kind: Any, depth: int) -> Any:
    """list[list[...kind]] of that depth."""
    for _ in range(depth):
        kind = list[kind]
    return kind


_NUMBERS = tuple(msgspec.json.Decoder(nest(float, d)) for d in range(DEEPEST + 1))
_TEXTS = tuple(msgspec.json.Decoder(nest(str, d)) for d in range(DEEPEST + 1))
_CELLS = tuple(msgspec.json.Decoder(nest(_CELL, d)) for d in range(DEEPEST + 1))


def depth(raw: bytes | msgspec.Raw) -> int:
    """How many arrays open before the first element; raises ProtocolError above DEEPEST."""
    found = _OPENING.match(raw)
    levels = found.group().count(b"[") if found else 0
    if levels > DEEPEST:
        raise ProtocolError(f"expected at most {DEEPEST} nested arrays, got {levels}")
    return levels


def first(raw: bytes | msgspec.Raw) -> bytes:
    """The byte that begins the first element."""
    found = _OPENING.match(raw)
    start = found.end() if found else 0
    return bytes(memoryview(raw)[start : start + 1])


def single(numbers: list[float]) -> Array:
    """(n,) float32 of flat numbers; raises ProtocolError where one is beyond float32."""
    try:
        return np.frombuffer(struct.pack(f"<{len(numbers)}f", *numbers), np.float32)
    except OverflowError as e:
        raise ProtocolError("expected finite float32 numbers, got one beyond 3.4e38") from e


def double(nested: Any) -> Array:
    """float64 of nested numbers; raises ProtocolError for ragged rows and for what is not finite."""
    try:
        numbers = np.array(nested, dtype=np.float64)
    except (ValueError, TypeError) as e:
        raise ProtocolError("expected rows of equal length, got ragged ones") from e
    if not np.isfinite(numbers).all():
        raise ProtocolError("expected finite numbers, got NaN or infinity")
    return numbers


def rows_of(nested: Any) -> Array:
    """float32 of nested numbers; raises ProtocolError for ragged rows and beyond float32."""
    numbers = double(nested)
    if numbers.size == 0:
        raise ProtocolError("expected at least one row of at least one number, got none")
    if float(np.abs(numbers).max()) > _SINGLE_MAX:
        raise ProtocolError("expected finite float32 numbers, got one beyond 3.4e38")
    return numbers.astype(np.float32)


def numbers_of(raw: bytes | msgspec.Raw, levels: int) -> Any:
    """The nested numbers in JSON text; booleans count as 0 and 1."""
    try:
        return _NUMBERS[levels].decode(raw)
    except msgspec.ValidationError:
        return _booleans(_CELLS[levels].decode(raw))


def _booleans(nested: Any) -> Any:
    if isinstance(nested, list):
        return [_booleans(x) for x in nested]
    if isinstance(nested, str):
        raise ProtocolError(f"expected numbers, got the string {nested[:40]!r}")
    return float(nested)


def texts_of(raw: bytes | msgspec.Raw, levels: int) -> Any:
    """The nested strings in JSON text."""
    return _TEXTS[levels].decode(raw)


def _signs(text: str) -> tuple[float, ...]:
    byte = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0]
    return tuple(1.0 if byte >> i & 1 else -1.0 for i in range(HASHED))


_short_signs = functools.lru_cache(maxsize=4096)(_signs)


def hashed(texts: list[str]) -> Array:
    """(n, HASHED) of +1 and -1 from BLAKE2b of each text: the same on every machine."""
    # Only short texts are cached, so that a caller cannot fill memory with long ones.
    return np.array([_short_signs(t) if len(t) <= 64 else _signs(t) for t in texts], dtype=np.float32)


def column(values: list[Any]) -> Column:
    """One column of decoded JSON: numbers, arrays of numbers, or texts; mixed cells count as texts."""
    if not values:
        raise ProtocolError("expected at least one row, got none")
    if isinstance(values[0], list):
        levels = 1 + depth(msgspec.json.encode(values[0]))
        return rows_of(numbers_of(msgspec.json.encode(values), levels)).reshape(len(values), -1)
    cells = msgspec.convert(values, list[_CELL])
    if any(isinstance(c, str) for c in cells):
        return [c if isinstance(c, str) else repr(c) for c in cells]
    return rows_of([float(c) for c in cells])


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key in which `f2` stands before `f10`."""
    return [(0, int(p[:18]), p) if p.isdecimal() and p.isascii() else (1, 0, p) for p in _DIGITS.split(name)]


def table(columns: dict[str, Column]) -> Inputs:
    """Named columns as one matrix, in natural order of their names, since a client may permute them at will.

    One column of texts is a text model's: it stays text. Raises ProtocolError where columns differ in rows.
    """
    lengths = {len(c) for c in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ProtocolError(f"expected columns of equal length, got {sorted(lengths) or 'no column'}")
    rows = lengths.pop()
    if len(columns) == 1:
        only = next(iter(columns.values()))
        return only if isinstance(only, list) or only.ndim > 1 else only.reshape(rows, 1)
    ordered = (columns[name] for name in sorted(columns, key=natural))
    return np.hstack([hashed(c) if isinstance(c, list) else c.reshape(rows, -1) for c in ordered])


def records(rows: list[dict[str, Any]]) -> Inputs:
    """Rows as objects; raises ProtocolError where two rows have different keys."""
    if not rows or not rows[0]:
        raise ProtocolError("expected at least one row with at least one key, got none")
    keys = rows[0].keys()
    if any(row.keys() != keys for row in rows):
        raise ProtocolError(f"expected every row to have the keys {', '.join(keys)[:80]}, got others")
    return table({key: column([row[key] for row in rows]) for key in keys})


def instances(raw: bytes | msgspec.Raw) -> tuple[Inputs, int]:
    """A JSON array of rows (numbers, arrays, texts, mixed cells or objects), and how many keys it holds."""
    levels = depth(raw)
    if levels == 0:
        raise ProtocolError("expected an array of rows")
    start = first(raw)
    if start == b"{":
        rows = msgspec.json.decode(raw, type=list[dict[str, Any]])
        return records(rows), sum(map(len, rows))
    if start not in (b'"', b""):
        try:
            return _shaped(rows_of(_NUMBERS[levels].decode(raw))), 0
        except msgspec.ValidationError:
            pass  # booleans or strings among the numbers
    if levels > 2:
        return _shaped(rows_of(numbers_of(raw, levels))), 0
    return _mixed(_CELLS[levels].decode(raw)), 0


def _shaped(rows: Array) -> Array:
    return rows.reshape(-1, 1) if rows.ndim == 1 else rows


def _mixed(rows: list[Any]) -> Inputs:
    """Rows with strings among their cells."""
    if rows and not isinstance(rows[0], list):
        return table({"": column(rows)})
    if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise ProtocolError("expected rows of equal length, got ragged or empty ones")
    return table({str(i): column(list(cells)) for i, cells in enumerate(zip(*rows, strict=True))})
