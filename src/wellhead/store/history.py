"""The projection of the log that can be asked: Parquet files written and read by DuckDB, and a tail in memory.

    events-<first>-<end>.parquet   the Events among log entries [first, end), sorted by principal
    coded-<first>-<end>.parquet    the Coded records among them, where there were any

Everything here can be thrown away and rebuilt from the log.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from wellhead.core.batch import Batch, from_events
from wellhead.core.codec import Record
from wellhead.core.errors import StoreError
from wellhead.core.event import Coded, Event
from wellhead.store.columns import columns_of, listed, read_rows, write_rows

if TYPE_CHECKING:
    import duckdb

TAIL = 32_768
"""Events and Coded records that wait in memory before they become a file: about 1 KB each."""


_Span = tuple[int, int]


class _Tail(msgspec.Struct):
    """Records not yet in a file, as their JSON, and where each principal's events are among them."""

    first: int
    end: int
    events: list[bytes] = []
    codes: list[bytes] = []
    of: dict[str, list[int]] = {}


class History:
    """What was asked and answered, by principal. One thread appends and seals; any thread asks.

    directory: made where it is absent.  Raises StoreError where it cannot be used.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for left in self.directory.glob("*.new"):
                left.unlink()
        except OSError as e:
            raise StoreError(f"cannot use {self.directory} for history: {e.strerror}", "set audit.directory") from e
        self._files = _spans(self.directory)
        end = self._files[-1][1] if self._files else 0
        self._tail = _Tail(end, end)
        self._sealing: _Tail | None = None
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._duckdb: duckdb.DuckDBPyConnection | None = None

    @property
    def size(self) -> int:
        """The log index up to which history has taken up records."""
        return self._tail.end

    @property
    def waiting(self) -> int:
        """Events and Coded records that are only in memory."""
        return len(self._tail.events) + len(self._tail.codes)

    def append(self, records: Sequence[Record], first: int | None = None) -> None:
        """Take up records of the log from entry `first` on (by default those after the last taken up).

        Events and Coded records are kept, others only counted. A full tail becomes a file in the caller's thread.
        Raises StoreError where `first` lies before what was already taken up.
        """
        if first is not None and first < self._tail.end:
            raise StoreError(
                f"expected log entries from {self._tail.end} on, got {first}", "rebuild with `wellhead rebuild`"
            )
        with self._lock:
            tail = self._tail
            tail.end = (tail.end if first is None else first) + len(records)
            for record in records:
                if isinstance(record, Event):
                    tail.of.setdefault(record.principal, []).append(len(tail.events))
                    tail.events.append(_encoder.encode(record))
                elif isinstance(record, Coded):
                    tail.codes.append(_encoder.encode(record))
        if self.waiting >= TAIL:
            self.seal()

    def catch_up(self, records: Iterable[tuple[int, Record]]) -> None:
        """Take up (index, record) of a log, in order, from `size` on: what a new process does first."""
        rest = iter(records)
        while some := list(islice(rest, 4096)):
            self.append([record for _, record in some], some[0][0])

    def seal(self) -> None:
        """Turn the tail into files; one without events or codes is left as it is. Raises StoreError, losing nothing."""
        if not self.waiting:
            return
        with self._lock:
            tail = self._sealing = self._tail
            self._tail = _Tail(tail.end, tail.end)
        span = (tail.first, tail.end)
        try:
            if tail.codes:
                write_rows(self._cursor(), tail.codes, Coded, self.directory / _name("coded", span))
            write_rows(self._cursor(), tail.events, Event, self.directory / _name("events", span))
        except StoreError:
            with self._lock:
                self._tail, self._sealing = _joined(tail, self._tail), None
            raise
        with self._lock:
            self._files.append(span)
            self._sealing = None

    def close(self) -> None:
        """Seal, and let DuckDB go."""
        self.seal()
        if self._duckdb is not None:
            self._duckdb.close()
            self._duckdb = None

    def events_of(self, principals: Iterable[str] | None, since_s: float = 0.0) -> list[Event]:
        """Answered events (status 200, something given) of these principals, of all where None, with codes joined in.

        since_s: seconds since 1970 UTC.  Sorted by time, request and part, so that a rebuilt history gives the same.
        """
        chosen = None if principals is None else tuple(dict.fromkeys(principals))
        since_us = int(since_s * 1e6)
        with self._lock:
            tails = [t for t in (self._sealing, self._tail) if t is not None]
            files = list(self._files)
            found = [e for t in tails for e in _of(t, chosen)]
            coded = [_coded.decode(line) for t in tails for line in t.codes]
        found = [e for e in found if e.status == 200 and e.given > 0 and e.time_us >= since_us]
        found += self._stored(files, chosen, since_us)
        codes = self._codes(found, coded, files)
        found = [_with_codes(e, codes) for e in found]
        return sorted(found, key=lambda e: (e.time_us, e.request, e.part))

    def rows_of(self, principals: Iterable[str] | None, since_s: float = 0.0, profile: str = "") -> Batch:
        """The answered rows of these principals as columns: what a ledger is built from.

        profile: keep only rows coded by this profile; by default all rows, those of other profiles than the newest
        without codes (zeros), because codes of two profiles cannot stand in one column.
        """
        events = self.events_of(principals, since_s)
        if profile:
            return from_events([e for e in events if e.profile == profile and e.codes])
        newest = next((e.profile for e in reversed(events) if e.codes), "")
        return from_events([e if e.profile == newest else msgspec.structs.replace(e, codes="") for e in events])

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a SQL query over the tables `events` and `coded`; the tail is sealed first.

        Raises StoreError with DuckDB's own words.
        """
        self.seal()
        with self._asking() as cursor:
            for table, record in (("events", Event), ("coded", Coded)):
                paths = self._paths(table, self._files)
                empty = f"SELECT {', '.join(f'NULL::{t} AS {c}' for c, t in columns_of(record).items())} LIMIT 0"
                source = f"FROM read_parquet({listed(paths)})" if paths else empty
                cursor.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS {source}")
            found = cursor.execute(sql)
            return [d[0] for d in found.description or ()], found.fetchall()

    def _stored(self, files: list[_Span], principals: tuple[str, ...] | None, since_us: int) -> list[Event]:
        if not files:
            return []
        where = "status = 200 AND given > 0 AND time_us >= ?"
        arguments: list[Any] = [since_us]
        if principals is not None:
            where += " AND principal IN (SELECT unnest(?))"
            arguments.append(list(principals))
        with self._asking() as cursor:
            return read_rows(cursor, Event, self._paths("events", files), where, arguments)

    def _codes(self, events: list[Event], waiting: list[Coded], files: list[_Span]) -> dict[tuple[str, int], Coded]:
        """The latest Coded record of each event that was stored without codes."""
        wanted = {(e.request, e.part) for e in events if not e.codes}
        if not wanted:
            return {}
        requests = sorted({request for request, _ in wanted})
        with self._asking() as cursor:
            where = "request IN (SELECT unnest(?))"
            stored = read_rows(cursor, Coded, self._paths("coded", files), where, [requests])
        return {(c.request, c.part): c for c in (*stored, *waiting) if (c.request, c.part) in wanted}

    def _paths(self, table: str, files: list[_Span]) -> list[Path]:
        paths = [self.directory / _name(table, span) for span in files]
        return [p for p in paths if table == "events" or p.exists()]

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        # DuckDB refuses two calls at once on one connection, a new cursor among them
        with self._connecting:
            if self._duckdb is None:
                from wellhead.store.columns import connect

                self._duckdb = connect()
            return self._duckdb.cursor()

    def _asking(self) -> _Asking:
        return _Asking(self._cursor(), self.directory)


class _Asking:
    """A cursor whose errors become StoreErrors of one line."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, directory: Path) -> None:
        self._cursor = cursor
        self._directory = directory

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        return self._cursor

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import duckdb

        self._cursor.close()
        if isinstance(error, duckdb.Error):
            said = " ".join(str(error).split())
            raise StoreError(
                f"cannot read history in {self._directory}: {said}", "if a file is damaged, `wellhead rebuild`"
            ) from error


_encoder = msgspec.json.Encoder()
_event = msgspec.json.Decoder(Event)
_coded = msgspec.json.Decoder(Coded)


def _of(tail: _Tail, principals: tuple[str, ...] | None) -> Iterator[Event]:
    if principals is None:
        return map(_event.decode, tail.events)
    return (_event.decode(tail.events[i]) for name in principals for i in tail.of.get(name, ()))


def _with_codes(event: Event, codes: dict[tuple[str, int], Coded]) -> Event:
    late = None if event.codes else codes.get((event.request, event.part))
    return msgspec.structs.replace(event, codes=late.codes, profile=late.profile) if late else event


def _joined(a: _Tail, b: _Tail) -> _Tail:
    of = {name: list(at) for name, at in a.of.items()}
    for name, at in b.of.items():
        of.setdefault(name, []).extend(i + len(a.events) for i in at)
    return _Tail(a.first, b.end, a.events + b.events, a.codes + b.codes, of)


def _name(table: str, span: _Span) -> str:
    return f"{table}-{span[0]:015d}-{span[1]:015d}.parquet"


def _spans(directory: Path) -> list[_Span]:
    """The log entries that each file covers, in order."""
    found = []
    for path in sorted(directory.glob("events-*.parquet")):
        match = re.fullmatch(r"events-(\d{15})-(\d{15})", path.stem)
        if match is None:
            raise StoreError(f"expected events-FIRST-END.parquet, got {path}", "move it elsewhere")
        found.append((int(match[1]), int(match[2])))
    return found


def rebuild(records: Iterable[tuple[int, Record]], directory: str | Path) -> History:
    """History made anew from (index, record) of a log; what was there before is replaced, file by file at the end.

    Raises what reading the log raises, and then leaves the old history as it was.
    """
    directory = Path(directory)
    fresh = directory.with_name(directory.name + ".new")
    _empty(fresh)
    made = History(fresh)
    made.catch_up(records)
    made.close()
    _empty(directory)
    fresh.rename(directory)
    return History(directory)


def _empty(directory: Path) -> None:
    """Remove a history's own files, and the directory if nothing else is in it."""
    if directory.exists():
        for path in directory.glob("*.parquet"):
            path.unlink()
        directory.rmdir()
