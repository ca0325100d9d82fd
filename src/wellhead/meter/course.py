"""The course of a principal's rows in time: hours in which it was active, and whether confidence rose."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array
from wellhead.meter.sample import starts

HOURS = 768
"""So many of the last hours are remembered, each as active or not."""
HOUR_S = 3600

SUMS = ("sure", "sure_square", "clock", "clock_square", "clock_sure")
FIELDS = [("active", "u1", (HOURS // 8,))]
_BELOW = np.packbits(np.arange(HOURS) < np.arange(HOURS + 1)[:, None], axis=1, bitorder="little")
_ALL = np.uint8(0xFF)
_PER_MILLE = 1000.0
_LEAST = 16
_EXACT = 2.0**62


def follow(time_s: Array, confidence: Array) -> tuple[Array, ...]:
    """What each row adds to SUMS, (n,) int64 each; nothing where no confidence (NaN) was served.

    Times are whole seconds and their sums wrap at 2^64: what `trend` takes from them is right again, since the spread
    around the middle fits.
    """
    known = ~np.isnan(confidence)
    sure = np.rint(np.where(known, confidence, 0.0) * _PER_MILLE).astype(np.int64)
    clock = time_s.astype(np.int64) * known
    return sure, sure * sure, clock, clock * clock, clock * sure


def mark(state: Array, inverse: Array, time_s: Array, before: Array) -> None:
    """Mark the hours of rows; before: (u,) the last hour that each record had seen, `hour` being what it has now."""
    now = state["hour"].astype(np.int64)
    _expire(state, before, now)
    bit = now % HOURS
    state["active"][np.arange(state.size), bit >> 3] |= (1 << (bit & 7)).astype(np.uint8)
    hour = (time_s // HOUR_S).astype(np.int64)
    age = now[inverse] - hour
    older = (age > 0) & (age < HOURS)
    if older.any():
        flat = np.unique(inverse[older] * HOURS + hour[older] % HOURS)
        byte = flat >> 3
        first = starts(byte)
        owner, byte = np.divmod(byte[first], HOURS // 8)
        state["active"][owner, byte] |= np.bitwise_or.reduceat((1 << (flat & 7)).astype(np.uint8), first)


def _expire(state: Array, before: Array, now: Array) -> None:
    """Forget the hours that have come round again: those after `before`, up to `now`."""
    steps = now - before
    moved = np.flatnonzero(steps > 0)
    if moved.size:
        after, upto = before[moved] % HOURS + 1, now[moved] % HOURS + 1
        gone = _BELOW[after] ^ _BELOW[upto]
        gone[after > upto] ^= _ALL
        gone[steps[moved] >= HOURS] = _ALL
        state["active"][moved] &= ~gone


def combine(state: Array, other: Array, now: Array) -> None:
    """Add records to records of the same principals, in place and before their `hour`; now: (u,) the later of both."""
    for part in (state, other):
        _expire(part, part["hour"], now)
    state["active"] |= other["active"]


def trend(record: Array) -> Array:
    """(u,) standard score of confidence rising with time, r sqrt(n - 1); NaN where too few or too alike."""
    n, sure, clock = record["scored"], record["sure"], record["clock"]
    span = record["last"] - record["first"]
    middle = (record["first"] + span / 2.0).astype(np.int64)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # Whole numbers that wrap, until the middle is taken off.
        moved = (clock - n * middle).astype(np.float64)
        both = (record["clock_sure"] - middle * sure).astype(np.float64)
        square = (record["clock_square"] - 2 * middle * clock + n * middle * middle).astype(np.float64)
        across = both - moved * sure / n
        along = square - moved * moved / n
        spread = record["sure_square"] - sure.astype(np.float64) ** 2 / n
        score = across / np.sqrt(along * spread) * np.sqrt(n - 1.0)
    known = (n >= _LEAST) & (along > 0.5) & (spread > 0.5) & (span * span * n < _EXACT)
    return np.where(known, score, np.nan)
