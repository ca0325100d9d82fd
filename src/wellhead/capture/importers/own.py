"""Wellhead's own log: segments of records as JSON lines, or the Parquet files of its history."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from wellhead.capture.importers.blocks import Progress, blocks
from wellhead.capture.importers.columns import Columns, Imported, Rows, filled
from wellhead.capture.importers.fields import quoted
from wellhead.capture.importers.source import ROWS, Told, opened, parquet_parts, read_objects, sample
from wellhead.core.arrays import Array
from wellhead.core.batch import TRAITS, confidence_of
from wellhead.core.event import Coded, Event
from wellhead.meter.profile import Profile
from wellhead.store.columns import columns_of

KEYS = (frozenset({"kind", "v"}), frozenset({"fingerprints", "codes", "time_us"}))
"""A line with the first, or a Parquet file with the second, is of this format."""

_BLOBS = {"fingerprints": "<u8", "codes": "|i1", "traits": "|u1", "scores": "|i1", "score_classes": "<u2"}
_LOOKED_AT = 4 << 20
_CODED = b'"kind":"coded"'
_KNOWN = ("event", "coded", "gap", "mark", "finding", "review", "decision")
_UNUSED = ("model", "key", "email", "address", "latency_us", "defence", "stance", "reason", "drill", "v")
_COLUMNS = {"kind": "VARCHAR"} | {name: kind for name, kind in columns_of(Event).items() if name not in _UNUSED}
_GOOD = (
    f"coalesce(kind, '') IN ({', '.join(map(quoted, _KNOWN))}) "
    "AND (kind <> 'event' OR (e.principal IS NOT NULL AND e.time_us IS NOT NULL AND e.rows IS NOT NULL))"
)
_SELECT = (
    "e.principal AS caller, e.time_us / 1e6 AS time_s, hash(e.request, coalesce(e.part, 0)) AS request, e.status, "
    "e.method, e.endpoint AS path, nullif(e.organisation, '') AS organisation, nullif(e.plan, '') AS plan, "
    "nullif(e.use, '') AS use, nullif(e.created_day, '') AS created_day, nullif(e.agent, '') AS agent, "
    "nullif(e.network, '') AS network, e.rows AS n_rows, NULL::UBIGINT AS input, e.top1, e.confidence_pm, "
    'e."values", e.classes, e.asked, e.given, e.status = 200 AND e.given > 0 AND e.rows > 0 AS answered, '
    f"coalesce(e.part, 0) = 0 AS whole, e.kind, {_GOOD} AS good"
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
        self._take_up(late)

    def _take_up(self, late: Sequence[Path]) -> None:
        """The table `late`: codes of events that were stored before their profile was fitted."""
        listed = ", ".join(f"{name} {kind}" for name, kind in columns_of(Coded).items())
        self._cursor.execute(f"CREATE TEMP TABLE late ({listed})")
        for path in late:
            if path.suffix == ".parquet":
                beside = path.with_name(path.name.replace("events-", "coded-"))
                if beside != path and beside.exists():
                    self._insert(f"read_parquet({quoted(str(beside))})")
                continue
            with tempfile.NamedTemporaryFile() as spot:
                for lines in _coded_lines(path):
                    spot.write(lines)
                spot.flush()
                if spot.tell():
                    self._insert(read_objects(columns_of(Coded), Path(spot.name)))

    def _insert(self, source: str) -> None:
        ours = quoted(self._profile.id if self._profile is not None else "")
        self._cursor.execute(f"INSERT INTO late BY NAME SELECT * FROM {source} WHERE profile = {ours}")  # noqa: S608
        self._late = True

    def read(self, path: Path, progress: Progress | None = None) -> Iterator[Imported]:
        """The blocks of one file, in order; raises StoreError where it cannot be read."""
        for _ in self._parts(path, progress):
            yield self._columns.take(self._cursor)

    def _parts(self, path: Path, progress: Progress | None) -> Iterator[None]:
        """Fill the table `asked` with one block after the other."""
        if path.suffix == ".parquet":
            for part in parquet_parts(self._cursor, path, progress, ROWS):
                self._made(f"(SELECT *, 'event' AS kind FROM {part})", None)  # noqa: S608
                yield
            return
        with tempfile.NamedTemporaryFile(prefix="wellhead-") as spot:
            for _ in blocks(path, cast(BinaryIO, spot), progress):
                self._made(read_objects(_COLUMNS, Path(spot.name)), Path(spot.name))
                yield

    def _made(self, source: str, spot: Path | None) -> None:
        cursor = self._cursor
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE asked AS SELECT {_SELECT}, {self._packed()} FROM {self._joined(source)}"  # noqa: S608
        )
        row = cursor.execute(
            "SELECT count(*), count(*) FILTER (kind = 'event'), count(*) FILTER (NOT good) FROM asked"
        ).fetchone()
        seen, events, bad = (int(n) for n in row) if row else (0, 0, 0)
        self.told.lines += seen
        self.told.bad += bad
        if bad and spot is not None:
            sample(cursor, "asked", "NOT good", spot, self.told)
        if events < seen:
            cursor.execute("CREATE OR REPLACE TEMP TABLE asked AS SELECT * FROM asked WHERE kind = 'event' AND good")

    def _packed(self) -> str:
        """The columns that are bytes; codes only of the profile that is asked for."""
        ours = quoted(self._profile.id if self._profile is not None else "")
        codes = f"CASE WHEN e.profile = {ours} THEN e.codes {'ELSE c.codes' if self._late else ''} END"
        packed = {name: f"e.{name}" for name in _BLOBS} | {"codes": codes}
        return ", ".join(f"TRY(from_base64({sql})) AS {name}" for name, sql in packed.items())

    def _joined(self, source: str) -> str:
        return f"{source} e" + (" LEFT JOIN late c ON e.request = c.request AND e.part = c.part" if self._late else "")

    def _detail(self, cursor: Any, some: Array, table: dict[str, Array]) -> Rows:
        rows = table["n_rows"][some].astype(np.int64)
        packed = cursor.execute(f"SELECT {', '.join(_BLOBS)} FROM asked").fetchnumpy()  # noqa: S608
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


def _coded_lines(path: Path) -> Iterator[bytes]:
    """The lines of Coded records; of other lines, only that they are none is looked at."""
    with path.open("rb") as f:
        rest = b""
        while block := f.read(_LOOKED_AT):
            whole = rest + block if rest else block
            cut = whole.rfind(b"\n") + 1
            if whole.find(_CODED, 0, cut) >= 0:
                yield from _among(whole[:cut])
            rest = whole[cut:]
        yield from _among(rest)


def _among(lines: bytes) -> Iterator[bytes]:
    return (line + b"\n" for line in lines.split(b"\n") if _CODED in line)


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
