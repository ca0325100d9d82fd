"""Wellhead's own log: segments of records as JSON lines, or the Parquet files of its history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wellhead.capture.importers.asking import MOST_ROWS
from wellhead.capture.importers.blocks import Progress
from wellhead.capture.importers.columns import Columns, Imported, Rows, filled
from wellhead.capture.importers.fields import named, quoted
from wellhead.capture.importers.own_blobs import BLOBS, blob
from wellhead.capture.importers.own_lines import OwnLines
from wellhead.capture.importers.source import ROWS, Told, opened, parquet_parts
from wellhead.core.arrays import Array
from wellhead.core.batch import TRAITS, confidence_of
from wellhead.core.event import Coded, Event
from wellhead.meter.profile import Profile
from wellhead.store.columns import columns_of

KEYS = (frozenset({"kind", "v"}), frozenset({"fingerprints", "codes", "time_us"}))
"""A line with the first, or a Parquet file with the second, is of this format."""

_GOOD = f"e.principal IS NOT NULL AND e.time_us IS NOT NULL AND coalesce(e.rows, -1) BETWEEN 0 AND {MOST_ROWS}"
_SELECT = (
    "e.principal AS caller, e.time_us / 1e6 AS time_s, hash(e.request, coalesce(e.part, 0)) AS request, e.status, "
    "e.method, e.endpoint AS path, nullif(e.organisation, '') AS organisation, nullif(e.plan, '') AS plan, "
    "nullif(e.use, '') AS use, nullif(e.created_day, '') AS created_day, nullif(e.agent, '') AS agent, "
    "nullif(e.network, '') AS network, e.rows AS n_rows, NULL::UBIGINT AS input, e.top1, e.confidence_pm, "
    'e."values", e.classes, e.asked, e.given, e.status = 200 AND e.given > 0 AND e.rows > 0 AS answered, '
    f"coalesce(e.part, 0) = 0 AS whole, {_GOOD} AS good"
)


class Own:
    """Reads a log's segments, or history files. late: files in which codes may come after their events.

    profile: only rows coded by it have codes.
    """

    def __init__(self, profile: Profile | None, now_s: float, late: Sequence[Path] = ()) -> None:
        self._profile = profile
        self._cursor = opened()
        self._late = False
        self._columns = Columns(self._detail, now_s)
        self.told = Told()
        self._lines = OwnLines(profile, self._columns, self.told, late)
        self._take_up(late)

    def _take_up(self, late: Sequence[Path]) -> None:
        """The table `late`: codes of events that were stored before their profile was fitted."""
        listed = ", ".join(f"{name} {kind}" for name, kind in columns_of(Coded).items())
        self._cursor.execute(f"CREATE TEMP TABLE late ({listed})")
        for path in late:
            beside = path.with_name(path.name.replace("events-", "coded-"))
            if path.suffix == ".parquet" and beside != path and beside.exists():
                self._insert(f"read_parquet({quoted(str(beside))})")

    def _insert(self, source: str) -> None:
        ours = quoted(self._profile.id if self._profile is not None else "")
        self._cursor.execute(f"INSERT INTO late BY NAME SELECT * FROM {source} WHERE profile = {ours}")  # noqa: S608
        self._late = True

    def read(self, path: Path, progress: Progress | None = None) -> Iterator[Imported]:
        """The blocks of one file, in order; raises StoreError where it cannot be read."""
        if path.suffix != ".parquet":
            yield from self._lines.read(path, progress)
            return
        for part in parquet_parts(self._cursor, path, progress, ROWS):
            self._made(self._filled(part))
            yield self._columns.take(self._cursor)

    def _filled(self, part: str) -> str:
        """The part, with columns of nothing for those that its version of the history did not have."""
        there = {row[0] for row in self._cursor.execute(f"DESCRIBE SELECT * FROM {part}").fetchall()}  # noqa: S608
        absent = [f"NULL::{kind} AS {named(name)}" for name, kind in columns_of(Event).items() if name not in there]
        return f"(SELECT {', '.join(['*', *absent])} FROM {part})"  # noqa: S608

    def _made(self, source: str) -> None:
        """Fill the table `asked` with a part of a history file."""
        cursor = self._cursor
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE asked AS SELECT {_SELECT}, {self._packed()} FROM {self._joined(source)}"  # noqa: S608
        )
        row = cursor.execute("SELECT count(*), count(*) FILTER (NOT good) FROM asked").fetchone()
        seen, bad = (int(n) for n in row) if row else (0, 0)
        self.told.lines += seen
        self.told.bad += bad
        if bad:
            cursor.execute("CREATE OR REPLACE TEMP TABLE asked AS SELECT * FROM asked WHERE good")

    def _packed(self) -> str:
        """The columns that are bytes; codes only of the profile that is asked for."""
        ours = quoted(self._profile.id if self._profile is not None else "")
        codes = f"CASE WHEN e.profile = {ours} THEN e.codes {'ELSE c.codes' if self._late else ''} END"
        packed = {name: f"e.{name}" for name in BLOBS} | {"codes": codes}
        return ", ".join(f"TRY(from_base64({sql})) AS {name}" for name, sql in packed.items())

    def _joined(self, source: str) -> str:
        return f"{source} e" + (" LEFT JOIN late c ON e.request = c.request AND e.part = c.part" if self._late else "")

    def _detail(self, cursor: Any, some: Array, table: dict[str, Array]) -> Rows:
        rows = table["n_rows"][some].astype(np.int64)
        packed = cursor.execute(f"SELECT {', '.join(BLOBS)} FROM asked").fetchnumpy()  # noqa: S608
        blobs = {name: blob(filled(packed[name], b"")[some].tolist(), rows, dtype) for name, dtype in BLOBS.items()}
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


def _list(cursor: Any, name: str, some: Array, rows: Array, missing: float) -> Array:
    """(n,) one number a row; requests that have not as many as rows are left at `missing`."""
    counts = np.asarray(
        filled(cursor.execute(f'SELECT coalesce(len("{name}"), 0) AS w FROM asked').fetchnumpy()["w"], 0),  # noqa: S608
        np.int64,
    )
    cast = f'TRY_CAST("{name}" AS DOUBLE[])'
    flat = filled(cursor.execute(f"SELECT unnest({cast}) AS x FROM asked").fetchnumpy()["x"], np.nan).astype(np.float64)  # noqa: S608
    if some.size == counts.size and np.array_equal(counts, rows):
        return flat
    fits = np.zeros(counts.size, bool)
    fits[some] = counts[some] == rows
    out = np.full(int(rows.sum()), missing)
    out[np.repeat(fits[some], rows)] = flat[np.repeat(fits, counts)]
    return out
