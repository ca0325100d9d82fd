"""Wellhead's own log: segments of records as JSON lines, or the Parquet files of its history."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wellhead.capture.importers.blocks import Progress, blocks
from wellhead.capture.importers.columns import Columns, Imported, Rows, filled
from wellhead.capture.importers.fields import quoted
from wellhead.capture.importers.source import ROWS, Told, parquet_parts, read_objects, sample
from wellhead.core.arrays import Array
from wellhead.core.batch import TRAITS, confidence_of
from wellhead.core.event import Coded, Event
from wellhead.meter.profile import Profile
from wellhead.store.columns import columns_of

KEYS = (frozenset({"kind", "v"}), frozenset({"fingerprints", "codes", "time_us"}))
"""A line with the first, or a Parquet file with the second, is of this format."""

_BLOBS = {"fingerprints": "<u8", "codes": "|i1", "traits": "|u1", "scores": "|i1", "score_classes": "<u2"}
_CODED = b'"kind":"coded"'
_KNOWN = ("event", "coded", "gap", "mark", "finding", "review", "decision")
_SELECT = (
    "principal AS caller, time_us / 1e6 AS time_s, hash(request, part) AS request, status, method, "
    "endpoint AS path, nullif(organisation, '') AS organisation, nullif(plan, '') AS plan, nullif(use, '') AS use, "
    "nullif(created_day, '') AS created_day, nullif(agent, '') AS agent, nullif(network, '') AS network, "
    'rows AS n_rows, NULL::UBIGINT AS input, top1, confidence_pm, "values", classes, asked, given, '
    "status = 200 AND given > 0 AS answered, part = 0 AS whole"
)


class Own:
    """Reads a log's segments, or history files. late: files in which codes may come after their events.

    profile: only rows coded by it have codes.  where: as for Mapped.
    """

    def __init__(self, profile: Profile | None, now_s: float, where: str = "", late: Sequence[Path] = ()) -> None:
        from wellhead.store.columns import connect

        self._profile = profile
        self._where = f"WHERE {where}" if where else ""
        self._cursor = connect()
        self._columns = Columns(self._detail, now_s)
        self.told = Told()
        self._take_up(late)

    def _take_up(self, late: Sequence[Path]) -> None:
        """The table `late`: codes of events that were stored before their profile was fitted."""
        listed = ", ".join(f"{name} {kind}" for name, kind in columns_of(Coded).items())
        self._cursor.execute(f"CREATE TEMP TABLE late ({listed})")
        for path in late:
            if path.suffix == ".parquet":
                self._cursor.execute(f"INSERT INTO late BY NAME SELECT * FROM read_parquet({quoted(str(path))})")
                continue
            for block in blocks(path):
                lines = [line for line in block.split(b"\n") if _CODED in line] if _CODED in block else []
                if lines:
                    with tempfile.NamedTemporaryFile(suffix=".jsonl") as spot:
                        spot.write(b"\n".join(lines))
                        spot.flush()
                        self._cursor.execute(
                            f"INSERT INTO late BY NAME SELECT * FROM {read_objects(columns_of(Coded), Path(spot.name))}"
                        )

    def read(self, path: Path, progress: Progress | None = None) -> Iterator[Imported]:
        """The blocks of one file, in order; raises StoreError where it cannot be read."""
        for _ in self._parts(path, progress):
            yield self._columns.take(self._cursor)

    def _parts(self, path: Path, progress: Progress | None) -> Iterator[None]:
        """Fill the table `asked` with one block after the other."""
        if path.suffix == ".parquet":
            for part in parquet_parts(self._cursor, path, progress, ROWS):
                yield self._made(f"(SELECT *, 'event' AS kind FROM {part})", None)
            return
        with tempfile.TemporaryDirectory(prefix="wellhead-") as folder:
            spot = Path(folder, "block")
            for block in blocks(path, progress):
                spot.write_bytes(block)
                yield self._made(read_objects({"kind": "VARCHAR", **columns_of(Event)}, spot), block)

    def _made(self, source: str, block: bytes | None) -> None:
        cursor = self._cursor
        known = ", ".join(map(quoted, _KNOWN))
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE lines AS SELECT *, coalesce(kind, '') IN ({known}) AS good FROM {source}"
        )
        self._count(block)
        ours = quoted(self._profile.id if self._profile is not None else "")
        codes = f"CASE WHEN l.profile = {ours} THEN l.codes WHEN c.profile = {ours} AND l.codes = '' THEN c.codes ELSE '' END"
        packed = ", ".join(f"TRY(from_base64({name})) AS {name}" for name in _BLOBS)
        coded = f"SELECT l.* REPLACE ({codes} AS codes) FROM lines l LEFT JOIN late c ON l.request = c.request AND l.part = c.part"
        plain = f"SELECT * FROM lines WHERE kind = 'event' AND principal IS NOT NULL AND time_us IS NOT NULL"
        has = cursor.execute("SELECT count(*) FROM late").fetchone()
        source = (
            coded + " WHERE l.kind = 'event' AND l.principal IS NOT NULL AND l.time_us IS NOT NULL"
            if has and has[0]
            else (
                plain.replace(
                    "SELECT *", f"SELECT * REPLACE (CASE WHEN profile = {ours} THEN codes ELSE '' END AS codes)"
                )
            )
        )
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE asked AS SELECT {_SELECT}, {packed} FROM ({source}) {self._where}"
        )

    def _count(self, block: bytes | None) -> None:
        row = self._cursor.execute("SELECT count(*), count(*) FILTER (NOT good) FROM lines").fetchone()
        seen, bad = (int(row[0]), int(row[1])) if row else (0, 0)
        self.told.lines += seen
        self.told.bad += bad
        if bad and block is not None and not self._where:
            sample(self._cursor, "lines", "NOT good", block, self.told)

    def _detail(self, cursor: Any, some: Array, table: dict[str, Array]) -> Rows:
        rows = table["n_rows"][some].astype(np.int64)
        packed = cursor.execute(f"SELECT {', '.join(_BLOBS)} FROM asked").fetchnumpy()
        blobs = {name: _blob(packed[name], some, rows, dtype) for name, dtype in _BLOBS.items()}
        listed = {
            name: _list(cursor, name, some, rows, missing)
            for name, missing in (("top1", -1.0), ("confidence_pm", -1.0), ("values", np.nan))
        }
        plain = cursor.execute("SELECT asked, given, classes FROM asked").fetchnumpy()
        fingerprint = blobs["fingerprints"]
        traits = blobs["traits"]
        return Rows(
            rows,
            {
                "fingerprint": fingerprint[:, 0] if fingerprint.shape[1] else np.zeros(int(rows.sum()), np.uint64),
                "codes": blobs["codes"],
                "traits": traits if traits.shape[1] in (0, TRAITS) else traits[:, :0],
                "asked": np.repeat(filled(plain["asked"], 0)[some], rows).astype(np.uint8),
                "given": np.repeat(filled(plain["given"], 0)[some], rows).astype(np.uint8),
                "top1": listed["top1"].astype(np.int64),
                "confidence": confidence_of(listed["confidence_pm"]),
                "scores": blobs["scores"],
                "score_classes": blobs["score_classes"]
                if blobs["score_classes"].shape[1]
                else np.zeros((0, 0), np.uint16),
                "classes": int(filled(plain["classes"], 0)[some].max(initial=0)),
                "values": listed["values"],
            },
        )


def _blob(column: Array, some: Array, rows: Array, dtype: str) -> Array:
    """(n, width) the packed rows of some requests one below the other, zeros where there is none of that width."""
    parts = filled(column, b"")[some]
    whole = b"".join(parts)
    size = np.dtype(dtype).itemsize
    n = int(rows.sum())
    if not whole:
        return np.zeros((n, 0), dtype)
    lengths = np.fromiter(map(len, parts), np.int64, len(parts))
    width = int(np.bincount(np.where(lengths > 0, lengths // np.maximum(rows, 1), 0)[lengths > 0]).argmax()) // size
    if width and (lengths == rows * width * size).all():
        return np.frombuffer(whole, dtype).reshape(n, width)
    good = (lengths == rows * width * size) & (lengths > 0)
    table = np.zeros((n, width), dtype)
    table[np.repeat(good, rows)] = np.frombuffer(b"".join(parts[good]), dtype).reshape(-1, width)
    return table


def _list(cursor: Any, name: str, some: Array, rows: Array, missing: float) -> Array:
    """(n,) one number a row; requests that have not as many as rows are left at `missing`."""
    counts = np.asarray(
        filled(cursor.execute(f'SELECT coalesce(len("{name}"), 0) AS w FROM asked').fetchnumpy()["w"], 0), np.int64
    )
    cast = f'TRY_CAST("{name}" AS DOUBLE[])'
    flat = filled(cursor.execute(f"SELECT unnest({cast}) AS x FROM asked").fetchnumpy()["x"], np.nan).astype(np.float64)
    if some.size == counts.size and np.array_equal(counts, rows):
        return flat
    fits = np.zeros(counts.size, bool)
    fits[some] = counts[some] == rows
    out = np.full(int(rows.sum()), missing)
    out[np.repeat(fits[some], rows)] = flat[np.repeat(fits, counts)]
    return out
