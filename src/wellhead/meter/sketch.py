"""Sketches: what is remembered of every principal, watched or not.

One fixed-size record a principal, so that a batch is one gather, some column arithmetic and one scatter, whatever the
number of principals. Everything is a sum, a minimum, a maximum or a bottom-k sample, and so adds exactly whichever way the
rows were split and ordered; only the gaps between requests do not (a gap across a seam of two folds is not seen).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Batch
from wellhead.core.codec import log_scores
from wellhead.core.exposure import Exposure

SAMPLE = 64
"""Distinct inputs kept for each principal: those with the largest hashes (0 is a free place), with how often each was asked."""
LABELS = 16
VALUES_PER_ATTRIBUTE = 8
FULL_CONFIDENCE = 0.9895
"""Confidence is stored per mille: this is 0.99 with room for the rounding."""
BOUNDARY_GAP = 0.1
BOUNDARY_CONFIDENCE = 0.55
"""p1 >= 0.55 implies p1 - p2 >= 0.1, so only rows below it can be near a boundary."""
MIN_GAPS = 16

_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_LARGEST_S = float(1 << 36)
_FLOOR_S = 1e-3
_CHUNK = 1 << 17
_COUNT_MAX = 0xFFFF
_DUE_VOLUME = 256

# One record a principal, not one array a field: a batch touches one place in memory per principal, which is what keeps
# the cost of an event at 10^6 principals near that at 10^4.
_RECORD = np.dtype(
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
        ("hashes", "u4", (SAMPLE,)),
        ("times", "u2", (SAMPLE,)),
    ]
)
_WORDS = _RECORD.itemsize // 8
_SUMS = ("rows", "gap_log", "gap_square", "gaps", "asked", "scored", "full", "boundary", "labels")
_WINDOWS = (("minute", 60), ("hour", 3600))

_ALL = slice(None)

Attribute = tuple[str, str]
_NOTHING: frozenset[Attribute] = frozenset()


class View(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sketches say of one principal; the fields that rules may test.

    rows: queries so far.  volume_60s, volume_3600s: rows in the last minute and hour before `last_s` (or before the
    `now_s` of the reader), from two buckets, as if the older one were spread evenly.
    unique_ratio: distinct inputs / rows; exact up to 64 distinct inputs, and exactly 1 for whoever never repeats.
    full_confidence_ratio, boundary_ratio: share of the rows answered with a confidence where it was >= 0.99, and where
    p1 - p2 < 0.1 (confidence < 0.55 where only that is known).  scores_asked_ratio: share of rows asking for all scores.
    label_evenness: entropy of the answered labels / its maximum; 0 where one label was answered.
    timing_cv: coefficient of variation of the gaps between requests (log-normal moments); NaN below 16 gaps.
    first_s, last_s: seconds since 1970.  attributes: (attribute, value), at most 8 values each.
    """

    principal: str = ""
    rows: int = 0
    volume_60s: float = 0.0
    volume_3600s: float = 0.0
    unique_ratio: float = 0.0
    full_confidence_ratio: float = 0.0
    scores_asked_ratio: float = 0.0
    boundary_ratio: float = 0.0
    label_evenness: float = 0.0
    timing_cv: float = math.nan
    first_s: float = 0.0
    last_s: float = 0.0
    attributes: frozenset[Attribute] = frozenset()


def _near_boundary(batch: Batch) -> Array:
    """(n,) bool: the two best classes were within BOUNDARY_GAP of each other."""
    near = np.asarray(batch.confidence < BOUNDARY_CONFIDENCE)
    rows = np.flatnonzero(near)
    if rows.size and batch.scores.ndim == 2 and batch.scores.shape[1] >= 2:
        best = np.partition(batch.scores[rows], -2, axis=1)[:, -2:]
        served = best[:, 1] > 0
        gap = np.diff(np.exp(log_scores(best)), axis=1)[:, 0]
        near[rows] = ~served | (gap < BOUNDARY_GAP)
    return near


def _largest(hashes: Array, times: Array) -> tuple[Array, Array]:
    """The SAMPLE largest distinct hashes of each row, with their summed counts; a hash occurs at most twice in a row."""
    hashes, times = _sorted(hashes, times.astype(np.uint32))
    twice = (hashes[:, 1:] == hashes[:, :-1]) & (hashes[:, 1:] != 0)
    if twice.any():
        times[:, 1:] += np.where(twice, times[:, :-1], 0)
        hashes[:, :-1][twice] = 0
        times[:, :-1][twice] = 0
        hashes, times = _sorted(hashes, times)
    return hashes[:, :SAMPLE], np.minimum(times[:, :SAMPLE], _COUNT_MAX).astype(np.uint16)


def _sorted(hashes: Array, times: Array) -> tuple[Array, Array]:
    """Both with each row in falling order of its hashes, so that free places are last."""
    order = np.argsort(hashes, axis=1)[:, ::-1]
    return np.take_along_axis(hashes, order, axis=1), np.take_along_axis(times, order, axis=1)


def _sample(state: Array, inverse: Array, fingerprint: Array) -> None:
    """Add each row's input to its principal's sample.

    A kept library's HyperLogLog was measured against this: it costs an object and a call a principal, and its 3 % error
    (1,024 registers) cannot hold a threshold of 0.98. The ratio of distinct to asked inputs *within* a sample drawn by
    hash has no such error where nothing repeats, is exact while all inputs fit, and merges exactly.
    """
    hashes = np.maximum((fingerprint.astype(np.uint64) * _MIX) >> _HALF, np.uint64(1))
    keys, times = np.unique((inverse.astype(np.uint64) << _HALF) | hashes, return_counts=True)
    owner, hashes = (keys >> _HALF).astype(np.intp), keys.astype(np.uint32)
    at, slot = np.nonzero(state["hashes"][owner] == hashes[:, None])
    held = owner[at], slot
    state["times"][held] = np.minimum(state["times"][held] + times[at], _COUNT_MAX)
    new = hashes > state["hashes"].min(axis=1)[owner]
    new[at] = False
    _insert(state, owner[new], hashes[new], np.minimum(times[new], _COUNT_MAX))


def _insert(state: Array, owner: Array, hashes: Array, times: Array) -> None:
    """Put new hashes, sorted by (owner, hash), into free places, and where these do not suffice keep the largest."""
    count = np.bincount(owner, minlength=state.size)
    rank = np.cumsum(count)[owner] - np.arange(owner.size) - 1
    crowded = state["used"] + count > SAMPLE
    fits = ~crowded[owner]
    place = (state["used"][owner] + rank)[fits]
    state["hashes"][owner[fits], place] = hashes[fits]
    state["times"][owner[fits], place] = times[fits]
    state["used"] = np.minimum(state["used"] + count, SAMPLE)
    if not fits.all():
        rows = np.flatnonzero(~fits & (rank < SAMPLE))
        _replace(state, np.flatnonzero(crowded), (owner[rows], rank[rows]), hashes[rows], times[rows])


def _replace(state: Array, tight: Array, at: tuple[Array, Array], hashes: Array, times: Array) -> None:
    """Keep the largest of held and new hashes for the principals `tight`; at: (owner, rank) of each new hash."""
    owner, rank = at
    width = SAMPLE + int(rank.max()) + 1
    wide = np.zeros((tight.size, width), dtype=np.uint32)
    counts = np.zeros((tight.size, width), dtype=np.uint16)
    wide[:, :SAMPLE], counts[:, :SAMPLE] = state["hashes"][tight], state["times"][tight]
    place = np.searchsorted(tight, owner), SAMPLE + rank
    wide[place], counts[place] = hashes, times
    state["hashes"][tight], state["times"][tight] = _largest(wide, counts)


def _shift(state: Array, window: str, bucket: Array) -> None:
    """Move a window's two buckets so that `bucket` is the current one."""
    now, before = f"{window}_now", f"{window}_before"
    steps = bucket - state[window]
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
        bucket = (time_s // seconds).astype(np.int32)
        current = np.maximum(state[window], (last // seconds).astype(np.int32))
        _shift(state, window, current)
        steps = current[inverse] - bucket
        held = state[f"{window}_now"].copy()
        for name, age in (("now", 0), ("before", 1)):
            state[f"{window}_{name}"] += np.bincount(inverse[steps == age], minlength=state.size).astype(np.uint32)
        after = state[f"{window}_now"]
        due |= _crossed(held, after) & (after >= _DUE_VOLUME)
    return due


def _gaps(state: Array, owner: Array, time_s: Array) -> None:
    """Add the gaps between a principal's requests; rows sorted by (owner, time); rows of one request share their time."""
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


def _fold(state: Array, inverse: Array, batch: Batch) -> Array:
    """Add a batch to the gathered records of its principals; returns (u,) bool: worth looking at now."""
    size = state.size

    def counted(mask: Array) -> Array:
        return np.bincount(inverse[mask], minlength=size).astype(np.uint32)

    time_s = np.clip(np.nan_to_num(batch.time_s), 0.0, _LARGEST_S)
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
    state["asked"] += counted((batch.asked == Exposure.PROBABILITIES) | (batch.asked == Exposure.LOGITS))
    state["scored"] += counted(~np.isnan(batch.confidence))
    state["full"] += counted(batch.confidence >= FULL_CONFIDENCE)
    state["boundary"] += counted(_near_boundary(batch))
    answered = batch.top1 >= 0
    cell = inverse[answered] * LABELS + batch.top1[answered] % LABELS
    state["labels"] += np.bincount(cell, minlength=size * LABELS).reshape(size, LABELS).astype(np.uint32)
    _sample(state, inverse, batch.fingerprint)
    return due


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _timing_cv(gaps: int, total: float, square: float) -> float:
    if gaps < MIN_GAPS:
        return math.nan
    variance = max(square / gaps - (total / gaps) ** 2, 0.0)
    return math.sqrt(math.expm1(min(variance, 50.0)))


def _evenness(labels: Sequence[int]) -> float:
    total = sum(labels)
    shares = [n / total for n in labels if n]
    if len(shares) < 2:
        return 0.0
    return -sum(p * math.log(p) for p in shares) / math.log(len(shares))


def _volume(record: Array, window: str, seconds: int, now_s: float) -> float:
    """Rows in the last `seconds` before now_s: the current bucket, and the part of the one before that is still inside."""
    age = max(now_s / seconds - float(record[window]), 0.0)
    now, before = float(record[f"{window}_now"]), float(record[f"{window}_before"])
    if age < 1.0:
        return now + before * (1.0 - age)
    return now * max(2.0 - age, 0.0)


def _records(words: Array) -> Array:
    """The same memory as records: copying words is a memcpy, copying records goes field by field."""
    return words.reshape(-1, _WORDS).view(_RECORD)[:, 0]


class Sketches:
    """The records of all principals, in the order in which they were first seen.

    due: principals worth looking at after the last batch: their rows, or those of a busy minute or hour, passed a
    power of two.
    """

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.names: list[str] = []
        self.due: list[str] = []
        self._chunks: list[Array] = []
        self._attributes: dict[int, frozenset[Attribute]] = {}
        self._pairs: dict[Attribute, Attribute] = {}

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.index

    def update(self, batch: Batch) -> None:
        """Add a batch."""
        self.due = []
        if not len(batch):
            return
        rows = np.bincount(batch.principal, minlength=len(batch.names))
        present = np.flatnonzero(rows)
        inverse = (np.cumsum(rows > 0) - 1)[batch.principal]
        names, attributes = batch.names, batch.attributes
        if present.size < len(names):
            names = tuple(names[i] for i in present)
            attributes = tuple(attributes[i] for i in present)
        where = self._places(names)
        state = self._gather(where)
        self._notice(state, where, attributes)
        due = _fold(state, inverse, batch)
        self._scatter(where, state)
        self.due = [names[i] for i in np.flatnonzero(due)]

    def view(self, name: str, now_s: float | None = None) -> View:
        """What is known of a principal; an empty View for one never seen.

        now_s: volumes are those before this time; None: before its last row.
        """
        place = self.index.get(name)
        if place is None:
            return View(principal=name)
        record = _records(self._chunks[place // _CHUNK][place % _CHUNK])[0]
        rows, scored = int(record["rows"]), int(record["scored"])
        last = float(record["last"])
        now = last if now_s is None else max(now_s, last)
        return View(
            principal=name,
            rows=rows,
            volume_60s=_volume(record, "minute", 60, now),
            volume_3600s=_volume(record, "hour", 3600, now),
            unique_ratio=_ratio(int(record["used"]), int(record["times"].sum(dtype=np.int64))),
            full_confidence_ratio=_ratio(int(record["full"]), scored),
            scores_asked_ratio=_ratio(int(record["asked"]), rows),
            boundary_ratio=_ratio(int(record["boundary"]), scored),
            label_evenness=_evenness(record["labels"].tolist()),
            timing_cv=_timing_cv(int(record["gaps"]), float(record["gap_log"]), float(record["gap_square"])),
            first_s=float(record["first"]),
            last_s=last,
            attributes=self._attributes.get(place, _NOTHING),
        )

    def views(self) -> Iterable[View]:
        """All principals, in the order in which they were first seen."""
        return (self.view(name) for name in self.names)

    def merge(self, other: Sketches) -> Sketches:
        """A new Sketches of both; equal to folding all rows into one, but for the gaps across the seam."""
        merged = Sketches()
        for part in (self, other):
            for start in range(0, len(part), _CHUNK):
                names = part.names[start : start + _CHUNK]
                where = merged._places(names)
                state = merged._gather(where)
                merged._notice(state, where, [part._attributes.get(start + i, _NOTHING) for i in range(len(names))])
                _combine(state, _records(part._chunks[start // _CHUNK][: len(names)]))
                merged._scatter(where, state)
        return merged

    def _places(self, names: Sequence[str]) -> Array:
        """(u,) record numbers of these principals, made where new."""
        places = list(map(self.index.get, names))
        if None in places:
            for i, name in enumerate(names):
                if places[i] is None:
                    places[i] = self.index[name] = len(self.names)
                    self.names.append(name)
            while len(self._chunks) * _CHUNK < len(self.names):
                self._chunks.append(np.zeros((_CHUNK, _WORDS), dtype=np.int64))
        return np.array(places, dtype=np.intp)

    def _notice(self, state: Array, where: Array, attributes: Sequence[frozenset[Attribute]]) -> None:
        """Remember the attributes of these principals; a set equal to the last one seen costs only its hash."""
        hashes = np.fromiter(map(hash, attributes), np.int64, len(attributes))
        for i in np.flatnonzero(hashes != state["seen"]).tolist():
            place = int(where[i])
            known = self._attributes.get(place, _NOTHING)
            if not attributes[i] <= known:
                self._attributes[place] = self._capped(known | attributes[i])
        state["seen"] = hashes

    def _capped(self, pairs: frozenset[Attribute]) -> frozenset[Attribute]:
        """At most VALUES_PER_ATTRIBUTE values of each attribute; equal pairs are one object, since many share them."""
        if len(pairs) > VALUES_PER_ATTRIBUTE:
            union = sorted(pairs)
            ahead = [("", "")] * VALUES_PER_ATTRIBUTE + union
            pairs = frozenset(pair for pair, eighth in zip(union, ahead, strict=False) if pair[0] != eighth[0])
        intern = self._pairs.setdefault
        return frozenset([intern(pair, pair) for pair in pairs])

    def _gather(self, where: Array) -> Array:
        """(u,) records, copied."""
        words = np.empty((where.size, _WORDS), dtype=np.int64)
        for chunk, at in self._split(where):
            words[at] = chunk[where[at] % _CHUNK]
        return _records(words)

    def _scatter(self, where: Array, state: Array) -> None:
        words = state.view(np.int64).reshape(where.size, _WORDS)
        for chunk, at in self._split(where):
            chunk[where[at] % _CHUNK] = words[at]

    def _split(self, where: Array) -> Iterable[tuple[Array, Array | slice]]:
        """The chunks that these records lie in, each with the positions in `where`."""
        if len(self._chunks) == 1:
            return [(self._chunks[0], _ALL)]
        numbers = where // _CHUNK
        return [(self._chunks[c], np.flatnonzero(numbers == c)) for c in np.flatnonzero(np.bincount(numbers))]


def _combine(state: Array, other: Array) -> None:
    """Add records to records of the same principals, in place."""
    fresh = state["rows"] == 0
    state["first"] = np.where(fresh, other["first"], np.minimum(state["first"], other["first"]))
    state["last"] = np.where(fresh, other["last"], np.maximum(state["last"], other["last"]))
    for window, _ in _WINDOWS:
        _add_window(state, other.copy(), window)
    for field in _SUMS:
        state[field] += other[field]
    both = np.hstack((state["hashes"], other["hashes"])), np.hstack((state["times"], other["times"]))
    state["hashes"], state["times"] = _largest(*both)
    state["used"] = np.count_nonzero(state["hashes"], axis=1)


def _add_window(state: Array, other: Array, window: str) -> None:
    current = np.maximum(state[window], other[window])
    for part in (state, other):
        _shift(part, window, current)
    for name in (f"{window}_now", f"{window}_before"):
        state[name] += other[name]
