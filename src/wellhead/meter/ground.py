"""Which ground a principal's rows cover: whole sums over where they lie and what they look like."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array
from wellhead.meter.sample import starts, summed
from wellhead.meter.space import FEATURES, REGIONS, Placed, Space
from wellhead.meter.traits import GRAIN, RESIDUE, TEXTURE

PAIRS = 64
"""Pairs of a neighbourhood and an input in it that are kept: those with the largest hashes; 0 is a free place."""
MOST = 1 << 23
"""Rows after which a mean no longer moves; a sum of features fits twice as many, so that no batch can overrun it."""
FAR_STEPS = 256.0
"""`far` is summed in such parts of a standard deviation."""

TRAIT_SUMS = ("textured", "coded", "texture", "residue", "grain")
PLACE_SUMS = ("placed", "outside", "far")
FIELDS = [("features", "i4", (FEATURES,)), ("regions", "u1", (REGIONS,)), ("pairs", "u4", (PAIRS,))]
_FULL = np.iinfo(np.uint8).max
_FARTHEST = 1e3
_MIX = np.uint64(0x9E3779B97F4A7C15)
_INPUT_BITS = 4
"""So a crowded neighbourhood takes at most 16 places; of two near-copies, one in 16 goes unseen."""
_CLEARLY = 0.5
"""Below this share of the sample's ratio, the estimate from where the sample ends is: 3.5 standard errors."""


def look_at(traits: Array) -> tuple[Array, ...]:
    """What each row's traits (n, 3) add to TRAIT_SUMS, (n,) int64 each."""
    stored = traits.astype(np.int64)
    known = stored > 0
    stored -= known
    return known[:, TEXTURE], known[:, RESIDUE], stored[:, TEXTURE], stored[:, RESIDUE], stored[:, GRAIN]


def place(state: Array, inverse: Array, space: Space, codes: Array) -> tuple[Placed, Array]:
    """Where rows lie, and (n,) bool which count: a row of zeros was not coded, and of MOST rows none counts more."""
    counts: Array = np.asarray(codes.any(axis=1))
    if state["placed"].max() >= MOST:
        counts &= (state["placed"] < MOST)[inverse]
    return space.place(codes), counts


def beyond(placed: Placed, counts: Array, farthest: float) -> tuple[Array, ...]:
    """What each row adds to PLACE_SUMS, (n,) int64 each."""
    far = np.rint(np.clip(placed.far, -_FARTHEST, _FARTHEST) * FAR_STEPS).astype(np.int64)
    return counts, counts & (placed.far > farthest), far * counts


def lay(state: Array, owner: Array, first: Array, placed: Placed, fingerprint: Array) -> None:
    """Add features, regions and pairs of rows sorted by owner; first: where the rows of each owner begin."""
    who = owner[first]
    state["features"][who] += summed(placed.features.astype(np.int32), first)
    counts = np.bincount(owner * REGIONS + placed.region, minlength=state.size * REGIONS).reshape(-1, REGIONS)
    state["regions"] = np.minimum(state["regions"] + counts, _FULL)
    pair(state, owner, paired(placed, fingerprint))


def paired(placed: Placed, fingerprint: Array) -> Array:
    """(n,) uint32, never 0: 28 bits of the neighbourhood, then 4 of the input."""
    near, own = ((part.astype(np.uint64) * _MIX >> np.uint64(32)) for part in (placed.neighbourhood, fingerprint))
    keys = (near >> np.uint64(_INPUT_BITS) << np.uint64(_INPUT_BITS)) | (own >> np.uint64(32 - _INPUT_BITS))
    return np.asarray(np.maximum(keys, np.uint64(1)).astype(np.uint32))


def pair(state: Array, owner: Array, keys: Array) -> None:
    """Keep the PAIRS largest different keys of each record; owner: (n,) sorted index into it."""
    held = state["pairs"]
    able = np.flatnonzero(keys > held.min(axis=1)[owner])
    wide = np.unique(owner[able].astype(np.uint64) << np.uint64(32) | keys[able])
    owner, keys = (wide >> np.uint64(32)).astype(np.intp), wide.astype(np.uint32)
    new = ~(held[owner] == keys[:, None]).any(axis=1)
    owner, keys = owner[new], keys[new]
    if not owner.size:
        return
    # One new key goes where the least one was, which in a record that is not full is a free place.
    first = starts(owner)
    count = np.diff(first, append=owner.size)
    lone, many = first[count == 1], first[count > 1]
    state["pairs"][owner[lone], held[owner[lone]].argmin(axis=1)] = keys[lone]
    if many.size:
        _crowd(state, owner[many], keys, many, count[count > 1])


def _crowd(state: Array, who: Array, keys: Array, first: Array, count: Array) -> None:
    """Merge many new keys, sorted, into the records `who`; the last PAIRS of each run are enough."""
    width = min(int(count.max()), PAIRS)
    at = (first + count)[:, None] - 1 - np.arange(width)
    fresh = np.where(at >= first[:, None], keys[np.maximum(at, 0)], 0)
    both = np.hstack([state["pairs"][who], fresh])
    state["pairs"][who] = np.partition(both, width - 1, axis=1)[:, width:]


def combine(state: Array, other: Array) -> None:
    """Add records to records of the same principals, in place, and before their sums; `other` is written to.

    Of two with more than MOST rows together, only where the larger's rows lie is kept.
    """
    crowded = state["placed"] + other["placed"] > MOST
    lesser = crowded & (state["placed"] < other["placed"])
    for field in ("features", *PLACE_SUMS):
        state[field][lesser] = 0
        other[field][crowded & ~lesser] = 0
    state["features"] += other["features"]
    state["regions"] = np.minimum(state["regions"].astype(np.uint16) + other["regions"], _FULL)
    both = np.sort(np.hstack([state["pairs"], other["pairs"]]), axis=1)
    both[:, :-1][both[:, :-1] == both[:, 1:]] = 0
    state["pairs"] = np.sort(both, axis=1)[:, PAIRS:]


def near_ratio(pairs: Array, distinct: Array) -> Array:
    """(u,) different neighbourhoods / different inputs of records' pairs (u, PAIRS); NaN without any.

    distinct: (u,) different inputs that were placed.
    The sample is drawn by neighbourhood, and has no error where no two inputs are near, which an estimate of each
    count would have. It hardly ever holds a neighbourhood that most rows lie in; but neighbourhoods are spread evenly,
    so where the sample ends tells how many there are (as for the distinct inputs, see wellhead.meter.sample).
    """
    used = np.count_nonzero(pairs, axis=1)
    near = np.sort(pairs >> _INPUT_BITS, axis=1)
    different = (np.diff(near, axis=1, prepend=0) != 0).sum(axis=1)
    within = np.divide(different, used, out=np.full(len(used), np.nan), where=used > 0)
    ended = (1 << (32 - _INPUT_BITS)) / ((1 << (32 - _INPUT_BITS)) - near[:, 0].astype(np.float64))
    spanned = np.divide((different - 1) * ended, distinct, out=np.full(len(used), np.inf), where=distinct > 0)
    return np.asarray(np.where((used == PAIRS) & (spanned < _CLEARLY * within), spanned, within))
