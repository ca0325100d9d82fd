"""What was asked: rows, codes and traits, where a log holds the inputs themselves."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wellhead.core.arrays import Array, Inputs
from wellhead.core.errors import ProfileError
from wellhead.meter.profile import Profile
from wellhead.meter.traits import traits

if TYPE_CHECKING:
    import duckdb

MOST_ROWS = 1 << 16
"""Rows of one request; more is a mistake of the log's."""


class Asked(NamedTuple):
    """Of m answered requests with n rows in all.

    rows: (m,) of each request.  fingerprint: (n,) uint64, None where the inputs are not known row by row.
    codes: (n, d), or (n, 0).  traits: (n, 3), or (n, 0).
    """

    rows: Array
    fingerprint: Array | None
    codes: Array
    traits: Array


def read_inputs(cursor: duckdb.DuckDBPyConnection, some: Array, rows: Array, profile: Profile | None) -> Asked:
    """The inputs of the requests `some` (indices into the table `asked`).

    rows: of each row of the table, for requests whose inputs are not there.
    """
    told = np.clip(rows[some], 1, MOST_ROWS).astype(np.int64)
    row = cursor.execute("SELECT count(inputs) FROM asked").fetchone()
    if not row or not row[0] or not some.size:
        return Asked(told, None, *_nothing(int(told.sum())))
    owner, fingerprint = _cells(cursor)
    among = np.zeros(rows.size, bool)
    among[some] = True
    kept = among[owner]
    there = np.bincount(owner[kept], minlength=rows.size)[some]
    counts = np.where(there > 0, there, told)
    at = np.flatnonzero(np.repeat(there > 0, counts))
    hashes = np.zeros(int(counts.sum()), np.uint64)
    hashes[at] = fingerprint[kept]
    seen = _inputs(cursor, profile, kept)
    return Asked(counts, hashes, *(_nothing(hashes.size) if seen is None else _coded(seen, at, hashes.size, profile)))


def _nothing(n: int) -> tuple[Array, Array]:
    return np.zeros((n, 0), np.int8), np.zeros((n, 0), np.uint8)


def _cells(cursor: duckdb.DuckDBPyConnection) -> tuple[Array, Array]:
    """The table `cells`, a row an input: which request each is of, and its hash."""
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE cells AS SELECT n, unnest(CASE WHEN many THEN CAST(j AS "  # noqa: S608
        "JSON[]) ELSE [j] END) AS e "
        "FROM (SELECT n, j, json_type(j) = 'ARRAY' AND json_type(j, '$[0]') IN ('ARRAY', 'VARCHAR') AS many "
        "FROM (SELECT row_number() OVER () - 1 AS n, coalesce(TRY_CAST(inputs AS JSON), "
        "to_json(inputs)) AS j FROM asked)) "
        f"WHERE j IS NOT NULL AND (NOT many OR json_array_length(j) <= {MOST_ROWS})"
    )
    found = cursor.execute("SELECT n, hash(CAST(json(e) AS VARCHAR)) AS h FROM cells").fetchnumpy()
    return np.asarray(found["n"], np.int64), np.asarray(found["h"], np.uint64)


class _Seen(NamedTuple):
    """Inputs that could be read, and (n,) bool which of the cells they are."""

    inputs: Inputs
    good: Array


def _inputs(cursor: duckdb.DuckDBPyConnection, profile: Profile | None, kept: Array) -> _Seen | None:
    """The inputs of the kept cells as arrays or texts; None where there is nothing to be had of them."""
    kind = profile.kind if profile is not None else _kind(cursor)
    if kind == "text":
        texts = cursor.execute("SELECT coalesce(e ->> '$', '') AS t FROM cells").fetchnumpy()["t"][kept].tolist()
        return _Seen(texts, np.ones(len(texts), bool))
    shape = profile.code_map.shape if profile is not None else None
    deep = len(shape) if shape else 1
    flat = "x"
    for _ in range(deep - 1):
        flat = f"flatten({flat})"
    cast = f"TRY_CAST(e AS DOUBLE{'[]' * deep})"
    # some protocols send an image's pixels in one row
    either = f"CASE WHEN len({flat}) > 0 THEN {flat} ELSE TRY_CAST(e AS DOUBLE[]) END" if deep > 1 else "x"
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE numbers AS SELECT {either} AS x FROM (SELECT e, {cast} AS x FROM cells)"  # noqa: S608
    )
    widths = _plain(cursor.execute("SELECT coalesce(len(x), 0) AS w FROM numbers").fetchnumpy()["w"]).astype(np.int64)
    numbers = _plain(cursor.execute("SELECT unnest(x) AS x FROM numbers").fetchnumpy()["x"]).astype(np.float32)
    width = int(np.prod(shape)) if shape else int(np.bincount(widths).argmax()) if widths.size else 0
    if not width:
        return None
    good = widths == width
    table = numbers[np.repeat(good, widths)].reshape(-1, *(shape or (width,)))
    return _Seen(table[kept[good]], good[kept])


def _kind(cursor: duckdb.DuckDBPyConnection) -> str:
    row = cursor.execute("SELECT json_type(e) FROM cells LIMIT 1").fetchone()
    return "text" if row and row[0] == "VARCHAR" else "vector"


def _plain(column: Array) -> Array:
    return np.asarray(
        column.filled(np.nan) if isinstance(column, np.ma.MaskedArray) and column.dtype.kind == "f" else column
    )


def _coded(seen: _Seen, at: Array, n: int, profile: Profile | None) -> tuple[Array, Array]:
    """Codes and traits of n rows; at: where those of the cells go, zeros elsewhere."""
    codes, residue = np.zeros((len(seen.inputs), 0), np.int8), None
    if profile is not None and len(seen.inputs):
        with suppress(ProfileError):
            codes, residue = profile.code_map.measure(seen.inputs)
    placed, looks = np.zeros((n, codes.shape[1]), np.int8), np.zeros((n, 3), np.uint8)
    to = at[seen.good]
    placed[to], looks[to] = codes, traits(seen.inputs, residue)
    return placed, looks
