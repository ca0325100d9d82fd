"""A principal's HTTP requests, answered or not: errors, documentation pages, and how many different paths."""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np

from wellhead.core.arrays import Array
from wellhead.core.batch import Visits
from wellhead.meter.sample import starts

FIELDS = [("requests", "u4"), ("errors", "u4"), ("docs", "u8"), ("endpoints", "u8")]
SUMS = ("requests", "errors", "docs")
ENDPOINTS = 64
THROTTLED = 429
"""The one client error that the valve itself may cause; it says nothing of who asked."""
_PAGES = """docs doc redoc swagger swagger.json openapi openapi.json schema metadata health healthz livez readyz ready
live ping status version versions stats metrics config index"""
DOCS = frozenset(_PAGES.split())
"""Last path segments of documentation, metadata and health pages."""


def count(size: int, inverse: Array, visits: Visits) -> Array:
    """(size,) what these requests add to the FIELDS of each principal; inverse: (n,) which one each is of."""
    counted = np.zeros(size, np.dtype(FIELDS))
    bits, docs = _paths(visits.endpoint)
    failed = (visits.status >= 400) & (visits.status < 500) & (visits.status != THROTTLED)
    for field, owner in (("requests", inverse), ("errors", inverse[failed]), ("docs", inverse[docs])):
        counted[field] = np.bincount(owner, minlength=size)
    flat = np.unique(inverse * ENDPOINTS + bits)
    owner = flat // ENDPOINTS
    first = starts(owner)
    found = np.uint64(1) << (flat % ENDPOINTS).astype(np.uint64)
    counted["endpoints"][owner[first]] = np.bitwise_or.reduceat(found, first)
    return counted


def visit(state: Array, where: Array, counted: Array) -> None:
    """Add what was counted to the records at these places, all different."""
    for field in SUMS:
        state[field][where] += counted[field]
    state["endpoints"][where] |= counted["endpoints"]


def _paths(endpoints: tuple[str, ...]) -> tuple[Array, Array]:
    """(n,) which of ENDPOINTS each path is, and (n,) bool: documentation."""
    numbers = {endpoint: i for i, endpoint in enumerate(dict.fromkeys(endpoints))}
    which = np.fromiter(map(numbers.__getitem__, endpoints), np.intp, len(endpoints))
    known = [_path(endpoint) for endpoint in numbers]
    return np.array([bit for bit, _ in known], np.int64)[which], np.array([docs for _, docs in known], bool)[which]


@lru_cache(maxsize=4096)
def _path(endpoint: str) -> tuple[int, bool]:
    path = endpoint.split("?", 1)[0].rstrip("/").lower()
    return zlib.crc32(path.encode()) % ENDPOINTS, path.rsplit("/", 1)[-1] in DOCS


def combine(state: Array, other: Array) -> None:
    """Add records to records of the same principals, in place."""
    for field in SUMS:
        state[field] += other[field]
    state["endpoints"] |= other["endpoints"]
