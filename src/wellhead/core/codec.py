"""Bytes and records: one canonical encoding for everything that is stored.

A leaf of the log is `encode(record)`: JSON with sorted keys, strings and integers only, which makes it equal to
RFC 8785 for the records of `wellhead.core` (property-tested).
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence

import msgspec
import numpy as np

from wellhead.core.arrays import Array, Scores
from wellhead.core.errors import AuditError
from wellhead.core.event import SCORES_KEPT, Coded, Event, Gap, Mark
from wellhead.core.finding import Finding, Review
from wellhead.core.verdict import Decision

Record = Event | Coded | Gap | Mark | Finding | Review | Decision

_encoder = msgspec.json.Encoder(order="sorted")
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

LOG_FLOOR = 1e-3
"""Probabilities are clipped here before the logarithm: a thief gains nothing from the tail below."""
_STEP = -math.log(LOG_FLOOR) / 127.0


def encode(record: Record) -> bytes:
    """The stored bytes of a record, without newline."""
    return _encoder.encode(record)


def encode_lines(records: Sequence[Record]) -> bytes:
    """The stored bytes of many records, each with its newline."""
    return _encoder.encode_lines(records)


def decode_lines(lines: bytes) -> list[Record]:
    """The records in many stored lines; raises AuditError where one of them is none."""
    try:
        return _decoder.decode_lines(lines)
    except _UNREADABLE as e:
        raise AuditError(f"expected Wellhead records, one a line, got {e}") from e


def decode(line: bytes) -> Record:
    """The record in one stored line; raises AuditError that names what is wrong."""
    try:
        return _decoder.decode(line)
    except _UNREADABLE as e:
        raise AuditError(f"expected a Wellhead record, got {line[:60]!r} ({e})") from e


def pack(array: Array) -> str:
    """Base64 of an array's bytes, in C order and little-endian."""
    return pack_bytes(array.tobytes())


def pack_bytes(raw: bytes) -> str:
    """Base64 of bytes that stand for an array."""
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def unpack(text: str, dtype: str, rows: int) -> Array:
    """(rows, ...) array from `pack`; raises AuditError where the bytes do not divide into rows."""
    try:
        flat: Array = np.frombuffer(base64.b64decode(text, validate=True), dtype=dtype)
    except ValueError as e:
        raise AuditError(f"expected base64 of {dtype} numbers, got {len(text)} characters ({e})") from e
    if rows == 0 or flat.size % rows:
        raise AuditError(f"expected {rows} equal rows of {dtype}, got {flat.size} numbers")
    return flat.reshape(rows, -1)


def quantise(probabilities: Scores) -> Array:
    """(n, k) int8: 127 = probability 1 or more, 0 = LOG_FLOOR, less or NaN; steps of about 5 % in probability."""
    logs = np.log(np.fmin(np.fmax(probabilities, LOG_FLOOR), 1.0))
    steps: Array = np.rint(127.0 + logs / _STEP).astype(np.int8)
    return steps


def log_scores(quantised: Array) -> Scores:
    """(n, k) log-probabilities from `quantise`, in [log LOG_FLOOR, 0]."""
    logs: Scores = (quantised.astype(np.float64) - 127.0) * _STEP
    return logs


def strongest(probabilities: Scores) -> tuple[Array, Array | None]:
    """What is kept of a score matrix: (n, min(k, 32)) int8, and class indices uint16 where k > 32."""
    if probabilities.shape[1] <= SCORES_KEPT:
        return quantise(probabilities), None
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :SCORES_KEPT]
    return quantise(np.take_along_axis(probabilities, order, axis=1)), order.astype(np.uint16)
