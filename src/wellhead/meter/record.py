"""What is remembered of one principal, and how rows are added to it: columns of many records at a time."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch
from wellhead.core.codec import log_scores
from wellhead.core.exposure import Exposure
from wellhead.meter import sample
from wellhead.meter.sample import CELLS, SAMPLE

LABELS = 16
FULL_CONFIDENCE = 0.9895
"""Confidence is stored per mille: this is 0.99 with room for the rounding."""
BOUNDARY_GAP = 0.1
BOUNDARY_CONFIDENCE = 0.55
"""p1 >= 0.55 implies p1 - p2 >= 0.1, so only rows below it can be near a boundary."""
DUE_VOLUME = 256
"""A minute or hour with fewer rows is not busy."""

_LARGEST_S = float(1 << 36)
_FLOOR_S = 1e-3

# One record a principal, not one array a field: a batch touches one place in memory per principal, which is what keeps
# the cost of an event at 10^6 principals near that at 10^4.
RECORD = np.dtype(
    [
        ("rows", "i8"),
        ("first", "f8"),
        ("last", "f8"),
        ("gap_log", "f8"),
        ("gap_square", "f8"),
        ("gaps", "u4"),
        ("asked", "u4"),
        ("scored", "u4"),
        ("full", "u4"),
        ("boundary", "u4"),
        ("minute", "i4"),
        ("minute_now", "u4"),
        ("minute_before", "u4"),
        ("hour", "i4"),
        ("hour_now", "u4"),
        ("hour_before", "u4"),
        ("used", "u4"),
        ("seen", "i8"),
        ("labels", "u4", (LABELS,)),
        ("cells", "u4", (CELLS,)),
        ("hashes", "u4", (SAMPLE,)),
        ("times", "u2", (SAMPLE,)),
    ]
)
WORDS = RECORD.itemsize // 8
_LAYOUT = struct.Struct(f"=q4d5I iII iII I q {LABELS}I {4 * CELLS}s {4 * SAMPLE}s {2 * SAMPLE}s")
"""RECORD again: unpacking it is ten times as fast as numpy's scalars."""
_SCALARS = (RECORD.names or ())[:-4]
_SUMS = ("rows", "gap_log", "gap_square", "gaps", "asked", "scored", "full", "boundary", "labels", "cells")
_WINDOWS = (("minute", 60), ("hour", 3600))


def _near_boundary(batch: Batch) -> Array:
    """(n,) bool: the two best classes were within BOUNDARY_GAP of each other; rows without scores are all zeros."""
    near = np.asarray(batch.confidence < BOUNDARY_CONFIDENCE)
    rows = np.flatnonzero(near)
    if rows.size and batch.scores.ndim == 2 and batch.scores.shape[1] >= 2:
        best = np.partition(batch.scores[rows], -2, axis=1)[:, -2:]
        near[rows] = np.diff(np.exp(log_scores(best)), axis=1)[:, 0] < BOUNDARY_GAP
    return near


def _shift(state: Array, window: str, bucket: Array) -> None:
    """Move a window's two buckets so that `bucket` is the current one."""
    now, before = f"{window}_now", f"{window}_before"
    steps = bucket - state[window]
    if not steps.any():
        return
    state[before] = np.where(steps == 0, state[before], np.where(steps == 1, state[now], 0))
    state[now] = np.where(steps == 0, state[now], 0)
    state[window] = bucket


def _crossed(before: Array, after: Array) -> Array:
    """True where a count passed a power of two: its highest bit changed."""
    return np.asarray((before ^ after) > before)


def _volumes(state: Array, inverse: Array, time_s: Array, last: Array) -> Array:
    """Add the rows to the minute and hour buckets; returns (u,) bool where a busy bucket passed a power of two."""
    due = np.zeros(state.size, dtype=bool)
    for window, seconds in _WINDOWS:
        _shift(state, window, np.maximum(state[window], (last // seconds).astype(np.int32)))
        age = state[window][inverse] - (time_s // seconds).astype(np.int32)
        now, before = f"{window}_now", f"{window}_before"
        held = state[now].copy()
        state[now] += _counted(inverse[age == 0], state.size)
        if age.any():
            state[before] += _counted(inverse[age == 1], state.size)
        due |= _crossed(held, state[now]) & (state[now] >= DUE_VOLUME)
    return due


def _counted(owner: Array, size: int) -> Array:
    """(size,) how often each owner occurs."""
    return np.bincount(owner, minlength=size).astype(np.uint32)


def _gaps(state: Array, owner: Array, time_s: Array) -> None:
    """Add the gaps between requests, rows sorted by (owner, time); rows of one request share their time."""
    start = np.ones(owner.size, dtype=bool)
    start[1:] = owner[1:] != owner[:-1]
    gap = np.empty(owner.size)
    gap[1:] = np.diff(time_s)
    first = owner[start]
    gap[start] = np.where(state["rows"][first] > 0, time_s[start] - state["last"][first], 0.0)
    real = gap > 0
    log = np.log(np.maximum(gap[real], _FLOOR_S))
    for field, weights in (("gaps", None), ("gap_log", log), ("gap_square", log * log)):
        column = np.bincount(owner[real], weights=weights, minlength=state.size)
        state[field] += column.astype(state[field].dtype)


def fold(state: Array, inverse: Array, batch: Batch) -> Array:
    """Add a batch to the gathered records of its principals; returns (u,) bool: worth looking at now."""
    size = state.size
    # A clock may be absurd; the buckets must still be numbers.
    time_s = np.fmin(np.fmax(batch.time_s, 0.0), _LARGEST_S)
    order = np.lexsort((time_s, inverse))
    owner, ordered = inverse[order], time_s[order]
    _gaps(state, owner, ordered)
    rows = np.bincount(inverse, minlength=size)
    ends = np.cumsum(rows)
    fresh = state["rows"] == 0
    first, last = ordered[ends - rows], ordered[ends - 1]
    state["first"] = np.where(fresh, first, np.minimum(state["first"], first))
    state["last"] = np.where(fresh, last, np.maximum(state["last"], last))
    due = _volumes(state, inverse, time_s, last) | _crossed(state["rows"], state["rows"] + rows)
    state["rows"] += rows
    state["asked"] += _counted(
        inverse[(batch.asked == Exposure.PROBABILITIES) | (batch.asked == Exposure.LOGITS)], size
    )
    state["scored"] += _counted(inverse[~np.isnan(batch.confidence)], size)
    state["full"] += _counted(inverse[batch.confidence >= FULL_CONFIDENCE], size)
    state["boundary"] += _counted(inverse[_near_boundary(batch)], size)
    answered = batch.top1 >= 0
    cell = inverse[answered] * LABELS + batch.top1[answered] % LABELS
    state["labels"] += _counted(cell, size * LABELS).reshape(size, LABELS)
    sample.add(state, inverse, batch.fingerprint)
    return due


def records(words: Array) -> Array:
    """The same memory as records: copying words is a memcpy, copying records goes field by field."""
    return words.reshape(-1, WORDS).view(RECORD)[:, 0]


def unpack(words: Array) -> dict[str, Any]:
    """One record as Python numbers; `labels` is a tuple; `cells`, `hashes` and `times` are bytes."""
    *flat, cells, hashes, times = _LAYOUT.unpack(words.tobytes())
    plain = dict(zip(_SCALARS, flat, strict=False), labels=tuple(flat[-LABELS:]))
    return {**plain, "cells": cells, "hashes": hashes, "times": times}


def combine(state: Array, other: Array) -> None:
    """Add records to records of the same principals, in place."""
    fresh = state["rows"] == 0
    state["first"] = np.where(fresh, other["first"], np.minimum(state["first"], other["first"]))
    state["last"] = np.where(fresh, other["last"], np.maximum(state["last"], other["last"]))
    for window, _ in _WINDOWS:
        _add_window(state, other.copy(), window)
    for field in _SUMS:
        state[field] += other[field]
    sample.combine(state, other)


def _add_window(state: Array, other: Array, window: str) -> None:
    current = np.maximum(state[window], other[window])
    for part in (state, other):
        _shift(part, window, current)
    for name in (f"{window}_now", f"{window}_before"):
        state[name] += other[name]
