"""From the table `asked` to what the meter reads: a Batch of the answered rows, and the Visits of all requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wellhead.capture.importers.callers import Callers, Pairs
from wellhead.capture.importers.seen import Seen
from wellhead.core.arrays import Array
from wellhead.core.batch import Batch, Visits

if TYPE_CHECKING:
    import duckdb

EARLIEST_S = 946_684_800.0
"""Before 2000 no API was asked, and a clock is wrong."""
AHEAD_S = 86_400.0
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Imported(NamedTuple):
    """One block of a log.

    answered: requests that were answered inference calls.  twice: left out, since they came before.
    clocks: times that were absurd, and were mended.
    """

    batch: Batch
    visits: Visits
    answered: int
    twice: int
    clocks: int


class Rows(NamedTuple):
    """What is known row by row of the answered requests. rows: (m,) of each request.  columns: of Batch."""

    rows: Array
    columns: dict[str, Any]


Who = tuple[tuple[str, ...], Array, tuple[Pairs, ...]]
Detail = Callable[[Any, Array, dict[str, Array]], Rows]
"""(cursor, indices of answered requests, fetched columns) -> their rows."""


class Columns:
    """Makes batches of one log after the other; of the past it remembers who asked, and a million requests.

    now_s: when the scan began; rows of a later day have a wrong clock.
    """

    def __init__(self, detail: Detail, now_s: float) -> None:
        self._detail = detail
        self._latest_s = now_s + AHEAD_S
        self._seen = Seen()
        self._callers = Callers()
        self._last_s = 0.0

    def take(self, cursor: duckdb.DuckDBPyConnection) -> Imported:
        """What the table `asked` holds now; its rows are numbered, and stay."""
        found = cursor.execute(f"SELECT {_FETCHED} FROM asked").fetchnumpy()  # noqa: S608
        table = {name: filled(found[name], missing) for name, missing in _MISSING.items()}
        who = self._callers.of(cursor, table["whom"])
        paths = cursor.execute("SELECT split_part(coalesce(path, ''), '?', 1) AS p FROM asked").fetchnumpy()["p"]
        return self.made(table, who, paths, lambda some: self._detail(cursor, some, table))

    def made(self, table: dict[str, Array], who: Who, paths: Array, rows_of: Callable[[Array], Rows]) -> Imported:
        """The same from columns (m,), one row a request: time_s, request, status, answered and whole.

        who: names, which of them each request is of, and their attributes.  paths: (m,) of each.
        rows_of: from the indices of answered requests to their rows.
        """
        names, principal, attributes = who
        fresh = self._seen.fresh(_told(table["request"], table["time_s"]))
        time_s, wrong = self._mended(table["time_s"])
        some = np.flatnonzero(fresh & table["answered"])
        rows, columns = rows_of(some)
        of = some if rows.size == rows.sum() and (rows == 1).all() else np.repeat(some, rows)
        batch = Batch(names=names, attributes=attributes, principal=principal[of], time_s=time_s[of], **columns)
        visits = _visits(names, (principal, time_s, table["status"]), paths, fresh & table["whole"])
        return Imported(batch, visits, int(some.size), int((~fresh).sum()), wrong)

    def _mended(self, time_s: Array) -> tuple[Array, int]:
        """Times, where a clock was absurd that of the row before, of the first rows that after; how many were."""
        good = (time_s >= EARLIEST_S) & (time_s <= self._latest_s)
        if not good.all():
            last = np.maximum.accumulate(np.where(good, np.arange(time_s.size), -1))
            first = self._last_s or (float(time_s[good.argmax()]) if good.any() else EARLIEST_S)
            time_s = np.where(last >= 0, time_s[np.maximum(last, 0)], first)
        if time_s.size:
            self._last_s = float(time_s[-1])
        return time_s, int((~good).sum())


_MISSING: dict[str, Any] = {
    "time_s": np.nan,
    "request": np.uint64(0),
    "whom": np.uint64(0),
    "status": 200,
    "answered": False,
    "whole": True,
    "n_rows": 1,
    "input": np.uint64(0),
}
_FETCHED = "time_s, request, hash(caller) AS whom, status, answered, whole, n_rows, input"


def _told(request: Array, time_s: Array) -> Array:
    """(n,) uint64, equal where a line came twice, 0 unknown; callers choose ids, so the time must be the same."""
    when = time_s.astype(np.float64).view(np.uint64) * _MIX
    return np.where(request > 0, request ^ when ^ (when >> np.uint64(32)), np.uint64(0))


def _visits(names: tuple[str, ...], columns: tuple[Array, Array, Array], paths: Array, kept: Array) -> Visits:
    every = bool(kept.all())
    principal, time_s, status = columns if every else [c[kept] for c in columns]
    endpoint = tuple((paths if every else paths[kept]).tolist())
    return Visits(names=names, principal=principal, time_s=time_s, status=status.astype(np.int64), endpoint=endpoint)


def filled(column: Array, missing: Any) -> Array:
    """A fetched column as a plain array, `missing` where it is NULL."""
    return np.asarray(column.filled(missing) if isinstance(column, np.ma.MaskedArray) else column)
