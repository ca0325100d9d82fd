"""Which inputs a principal has asked before: a bottom-k sample of its distinct inputs, with counts."""

from __future__ import annotations

import numpy as np

from wellhead.core.arrays import Array

SAMPLE = 64
"""Distinct inputs kept: those with the largest hashes (0 is a free place), with how often each was asked."""
COUNT_MAX = 0xFFFF

_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


def largest(hashes: Array, times: Array) -> tuple[Array, Array]:
    """The SAMPLE largest distinct hashes of each row, with their summed counts; none may occur three times."""
    hashes, times = _sorted(hashes, times.astype(np.uint32))
    twice = (hashes[:, 1:] == hashes[:, :-1]) & (hashes[:, 1:] != 0)
    if twice.any():
        times[:, 1:] += np.where(twice, times[:, :-1], 0)
        hashes[:, :-1][twice] = 0
        times[:, :-1][twice] = 0
        hashes, times = _sorted(hashes, times)
    return hashes[:, :SAMPLE], np.minimum(times[:, :SAMPLE], COUNT_MAX).astype(np.uint16)


def _sorted(hashes: Array, times: Array) -> tuple[Array, Array]:
    """Both with each row in falling order of its hashes, so that free places are last."""
    order = np.argsort(hashes, axis=1)[:, ::-1]
    return np.take_along_axis(hashes, order, axis=1), np.take_along_axis(times, order, axis=1)


def add(state: Array, inverse: Array, fingerprint: Array) -> None:
    """Add each row's input to its principal's sample.

    state: (u,) records with `hashes`, `times` and `used`.  inverse: (n,) index into it.  fingerprint: (n,) uint64.

    A kept library's HyperLogLog (datasketches, 1,024 registers) was measured against this: an object and a call a
    principal cost 0.7 us a row against 0.3, and its error (sd 2 %) cannot hold a threshold of 0.98. The ratio of
    distinct to asked inputs *within* a sample drawn by hash has no error where nothing repeats, is exact while all
    inputs fit, and merges exactly.
    """
    hashes = np.maximum((fingerprint.astype(np.uint64) * _MIX) >> _HALF, np.uint64(1))
    keys, times = np.unique((inverse.astype(np.uint64) << _HALF) | hashes, return_counts=True)
    owner, hashes = (keys >> _HALF).astype(np.intp), keys.astype(np.uint32)
    # Flat, since numpy finds the rare True of one long row ten times as fast as those of many short ones.
    at, slot = np.divmod(np.flatnonzero(state["hashes"][owner] == hashes[:, None]), SAMPLE)
    held = owner[at], slot
    state["times"][held] = np.minimum(state["times"][held] + times[at], COUNT_MAX)
    least = np.zeros(state.size, dtype=np.uint32)
    full = np.flatnonzero(state["used"] == SAMPLE)
    least[full] = state["hashes"][full].min(axis=1)
    new = hashes > least[owner]
    new[at] = False
    _insert(state, owner[new], hashes[new], np.minimum(times[new], COUNT_MAX))


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
    state["hashes"][tight], state["times"][tight] = largest(wide, counts)
