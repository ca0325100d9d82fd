"""What is remembered of one principal, and how rows are added to it: columns of many records at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch
from wellhead.core.codec import log_scores
from wellhead.core.exposure import Exposure
from wellhead.meter import calls, course, ground, sample
from wellhead.meter.sample import CELLS, SAMPLE, starts, summed
from wellhead.meter.space import Placed, Space

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

SUMS = ("asked", "scored", "full", "boundary", "margins", *course.SUMS, *ground.TRAIT_SUMS, *ground.PLACE_SUMS)
"""What every row adds a whole number to; they lie side by side, and are added at once as `sums`."""

# One record a principal, not one array a field: a batch touches one place in memory per principal, which is what keeps
# the cost of an event at 10^6 principals near that at 10^4.
_LAYOUT = np.dtype(
    [
        ("rows", "i8"),
        ("first", "f8"),
        ("last", "f8"),
        ("gap_log", "f8"),
        ("gap_square", "f8"),
        ("gaps", "u4"),
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
        *course.FIELDS,
        *ground.FIELDS,
        *calls.FIELDS,
        ("sums", "i8", (len(SUMS),)),
    ]
)


def _with_names(layout: np.dtype[Any]) -> np.dtype[Any]:
    """The layout with a name for each of the sums too."""
    fields = dict(layout.fields or {})
    start = fields["sums"][1]
    fields |= {name: (np.dtype("i8"), start + 8 * i) for i, name in enumerate(SUMS)}
    formats, offsets = [f[0] for f in fields.values()], [f[1] for f in fields.values()]
    return np.dtype({"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": layout.itemsize})


RECORD = _with_names(_LAYOUT)
WORDS = RECORD.itemsize // 8
_ADDED = ("rows", "gap_log", "gap_square", "gaps", "labels", "cells", "sums")
_WINDOWS = (("minute", 60), ("hour", 3600))


def _near_boundary(batch: Batch) -> tuple[Array, Array]:
    """(n,) bool: the two best classes were within BOUNDARY_GAP of each other; (n,) bool: it is known whether they were.

    A confidence alone tells it where there are two classes; rows without scores are all zeros.
    """
    scored = ~np.isnan(batch.confidence)
    known = scored if batch.classes == 2 else np.zeros(scored.size, bool)
    near = known & (np.abs(2.0 * batch.confidence - 1.0) < BOUNDARY_GAP)
    if batch.scores.ndim == 2 and batch.scores.shape[1] >= 2:
        told = scored & batch.scores.any(axis=1)
        known = known | told
        near &= ~told
        rows = np.flatnonzero(told & (batch.confidence < BOUNDARY_CONFIDENCE))
        best = np.partition(batch.scores[rows], -2, axis=1)[:, -2:]
        near[rows] = np.diff(np.exp(log_scores(best)), axis=1)[:, 0] < BOUNDARY_GAP
    return near, known


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


def _gaps(state: Array, owner: Array, time_s: Array, first: Array) -> None:
    """Add the gaps between requests, rows sorted by (owner, time); rows of one request share their time."""
    gap = np.empty(owner.size)
    gap[1:] = np.diff(time_s)
    gap[first] = np.where(state["rows"] > 0, time_s[first] - state["last"], 0.0)
    real = gap > 0
    log = np.log(np.maximum(gap[real], _FLOOR_S))
    for field, weights in (("gaps", None), ("gap_log", log), ("gap_square", log * log)):
        column = np.bincount(owner[real], weights=weights, minlength=state.size)
        state[field] += column.astype(state[field].dtype)


def _times(state: Array, inverse: Array, time_s: Array, order: Array, first: Array) -> Array:
    """Add when rows came; returns (u,) bool where a busy bucket passed a power of two."""
    owner, ordered = inverse[order], time_s[order]
    _gaps(state, owner, ordered, first)
    fresh = state["rows"] == 0
    earliest, latest = ordered[first], ordered[np.append(first[1:], owner.size) - 1]
    state["first"] = np.where(fresh, earliest, np.minimum(state["first"], earliest))
    state["last"] = np.where(fresh, latest, np.maximum(state["last"], latest))
    hour = state["hour"].astype(np.int64)
    due = _volumes(state, inverse, time_s, latest)
    course.mark(state, inverse, time_s, hour)
    return due


def _answers(batch: Batch, time_s: Array) -> list[Array]:
    """What each row adds to the first of SUMS, and to those of its confidence and traits."""
    return [
        (batch.asked == Exposure.PROBABILITIES) | (batch.asked == Exposure.LOGITS),
        ~np.isnan(batch.confidence),
        batch.confidence >= FULL_CONFIDENCE,
        *_near_boundary(batch),
        *course.follow(time_s, batch.confidence),
        *(ground.look_at(batch.traits) if batch.traits.shape[1] else ()),
    ]


def fold(state: Array, inverse: Array, batch: Batch, space: Space | None) -> Array:
    """Add a batch to the gathered records of its principals; returns (u,) bool: worth looking at now.

    inverse: (n,) index into the records, each of which occurs.
    space: where rows lie; None, or one of other codes, and only what needs no codes is added.
    """
    # A clock may be absurd; the buckets must still be numbers.
    time_s = np.fmin(np.fmax(batch.time_s, 0.0), _LARGEST_S)
    order = np.lexsort((time_s, inverse))
    first = starts(inverse[order])
    due = _times(state, inverse, time_s, order, first)
    table = np.zeros((inverse.size, len(SUMS)), dtype=np.int64)
    for i, column in enumerate(_answers(batch, time_s)):
        table[:, i] = column
    if space is not None and batch.codes.shape[1] == space.dimension:
        _places(state, inverse, batch, space, table)
    state["sums"] += summed(table[order], first)
    rows = np.diff(first, append=inverse.size)
    due |= _crossed(state["rows"], state["rows"] + rows)
    state["rows"] += rows
    answered = batch.top1 >= 0
    cell = inverse[answered] * LABELS + batch.top1[answered] % LABELS
    state["labels"] += _counted(cell, state.size * LABELS).reshape(-1, LABELS)
    sample.add(state, inverse, batch.fingerprint)
    return due


def _places(state: Array, inverse: Array, batch: Batch, space: Space, table: Array) -> None:
    """Add where rows lie, and write into the last columns of the table what they add to the sums."""
    placed, counts = ground.place(state, inverse, space, batch.codes)
    for i, column in enumerate(ground.beyond(placed, counts, space.farthest), len(SUMS) - len(ground.PLACE_SUMS)):
        table[:, i] = column
    rows = np.flatnonzero(counts)
    if rows.size:
        rows = rows[np.argsort(inverse[rows], kind="stable")]
        owner = inverse[rows]
        ground.lay(state, owner, starts(owner), Placed(*(part[rows] for part in placed)), batch.fingerprint[rows])


def records(words: Array) -> Array:
    """The same memory as records: copying words is a memcpy, copying records goes field by field."""
    return words.reshape(-1, WORDS).view(RECORD)[:, 0]


def combine(state: Array, other: Array) -> None:
    """Add records to records of the same principals, in place."""
    other = other.copy()
    fresh = state["rows"] == 0
    asked = other["rows"] > 0
    state["first"] = np.where(
        fresh, other["first"], np.where(asked, np.minimum(state["first"], other["first"]), state["first"])
    )
    state["last"] = np.where(fresh, other["last"], np.maximum(state["last"], other["last"]))
    course.combine(state, other, np.maximum(state["hour"], other["hour"]).astype(np.int64))
    for window, _ in _WINDOWS:
        _add_window(state, other, window)
    for part in (sample, ground, calls):
        part.combine(state, other)
    for field in _ADDED:
        state[field] += other[field]


def _add_window(state: Array, other: Array, window: str) -> None:
    current = np.maximum(state[window], other[window])
    for part in (state, other):
        _shift(part, window, current)
    for name in (f"{window}_now", f"{window}_before"):
        state[name] += other[name]
